// Command example logs a run over a stream, and reads it back.
//
//	go run ./example grpc://127.0.0.1:50051 [EXPERIMENT_ID]
//
// With grpcs:// over TLS; the environment variable RUNSTREAM_CA names the file of the authority to
// trust, if it is no public one, and RUNSTREAM_TOKEN is the token, if the server asks for one.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	runstreamv1 "runstream.io/gen/runstream/v1"
)

// token is sent with each call.
type token string

func (t token) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	if t == "" {
		return nil, nil
	}
	return map[string]string{"authorization": "Bearer " + string(t)}, nil
}

// RequireTransportSecurity says that a token is told to nobody who listens.
func (t token) RequireTransportSecurity() bool { return t != "" }

// connect returns a connection to a server, over TLS if its URI says so.
func connect(uri string) (*grpc.ClientConn, error) {
	scheme, address, _ := strings.Cut(uri, "://")
	security := insecure.NewCredentials()
	if scheme == "grpcs" {
		security = credentials.NewTLS(nil)
		if file := os.Getenv("RUNSTREAM_CA"); file != "" {
			var err error
			if security, err = credentials.NewClientTLSFromFile(file, ""); err != nil {
				return nil, err
			}
		}
	}
	caller := grpc.WithPerRPCCredentials(token(os.Getenv("RUNSTREAM_TOKEN")))
	return grpc.NewClient(address, grpc.WithTransportCredentials(security), caller)
}

// logRun logs a run to an experiment, reads it back and returns a line that describes it.
func logRun(ctx context.Context, connection *grpc.ClientConn, experiment string) (string, error) {
	runs := runstreamv1.NewRunServiceClient(connection)
	created, err := runs.CreateRun(ctx, &runstreamv1.CreateRunRequest{
		RunName: "from Go", ExperimentId: experiment,
	})
	if err != nil {
		return "", err
	}
	runID := created.Run.Info.RunId
	if err := logPoints(ctx, runstreamv1.NewLoggingServiceClient(connection), runID); err != nil {
		return "", err
	}
	end := time.Now().UnixMilli()
	finished := &runstreamv1.UpdateRunRequest{
		RunId: runID, Status: runstreamv1.RunStatus_FINISHED, EndTime: &end,
	}
	if _, err := runs.UpdateRun(ctx, finished); err != nil {
		return "", err
	}
	read, err := runs.GetRun(ctx, &runstreamv1.GetRunRequest{RunId: runID})
	if err != nil {
		return "", err
	}
	metric := read.Run.Data.Metrics[0]
	return fmt.Sprintf("%s: %s %g at %d", runID, metric.Key, metric.Value, metric.Step), nil
}

// logPoints sends three batches of 100 points. An answer means that its batches are on disk; if the
// stream breaks, those without an answer are to be sent again, which stores nothing twice.
func logPoints(ctx context.Context, service runstreamv1.LoggingServiceClient, runID string) error {
	stream, err := service.LogBatch(ctx)
	if err != nil {
		return err
	}
	for first := int64(0); first < 300; first += 100 {
		table := &runstreamv1.MetricTable{Keys: []string{"loss"}, Counts: []uint32{100}}
		for step := first; step < first+100; step++ {
			table.Step = append(table.Step, step)
			table.Timestamp = append(table.Timestamp, time.Now().UnixMilli())
			table.Value = append(table.Value, 1/float64(step+1))
		}
		request := &runstreamv1.LogBatchRequest{RunId: runID, Metrics: table}
		// io.EOF means that the stream ended; why is what Recv says.
		if err := stream.Send(request); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	for {
		answer, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if answer.Error != nil {
			return fmt.Errorf("batch %d was refused: %s", answer.Answered, answer.Error.Message)
		}
	}
}

// explain says what an error of the server is about: its reason, and its field, value and limit.
func explain(err error) string {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			return fmt.Sprintf("%s %v", info.Reason, info.Metadata)
		}
	}
	return err.Error()
}

func main() {
	if len(os.Args) < 2 || len(os.Args) > 3 {
		log.Fatal("usage: example grpc://HOST:PORT [EXPERIMENT_ID]")
	}
	connection, err := connect(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	defer connection.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	experiment := strings.Join(os.Args[2:], "")
	line, err := logRun(ctx, connection, experiment)
	if err != nil {
		log.Fatal("refused: ", explain(err))
	}
	fmt.Println(line)
}
