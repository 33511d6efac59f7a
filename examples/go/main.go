// Logs a run over a stream, and reads it back.
//
//	buf generate ../../proto && go run . 127.0.0.1:50051
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	pb "runstream.io/gen/runstream/v1"
)

func main() {
	connection, err := grpc.NewClient(os.Args[1], grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		log.Fatal(err)
	}
	defer connection.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	runs := pb.NewRunServiceClient(connection)
	created, err := runs.CreateRun(ctx, &pb.CreateRunRequest{RunName: "from Go"})
	if err != nil {
		log.Fatal(err)
	}
	runID := created.Run.Info.RunId
	if err := logPoints(ctx, pb.NewLoggingServiceClient(connection), runID); err != nil {
		log.Fatal(err)
	}
	end := time.Now().UnixMilli()
	finished := &pb.UpdateRunRequest{RunId: runID, Status: pb.RunStatus_FINISHED, EndTime: &end}
	if _, err := runs.UpdateRun(ctx, finished); err != nil {
		log.Fatal(err)
	}
	read, err := runs.GetRun(ctx, &pb.GetRunRequest{RunId: runID})
	if err != nil {
		log.Fatal(err)
	}
	metric := read.Run.Data.Metrics[0]
	fmt.Printf("%s: %s %g at %d\n", runID, metric.Key, metric.Value, metric.Step)
}

// logPoints sends three batches of 100 points. An answer means that its batches are on disk; if the
// stream breaks, those without an answer are to be sent again, which stores nothing twice.
func logPoints(ctx context.Context, service pb.LoggingServiceClient, runID string) error {
	stream, err := service.LogBatch(ctx)
	if err != nil {
		return err
	}
	for first := int64(0); first < 300; first += 100 {
		table := &pb.MetricTable{Keys: []string{"loss"}, Counts: []uint32{100}}
		for step := first; step < first+100; step++ {
			table.Step = append(table.Step, step)
			table.Timestamp = append(table.Timestamp, time.Now().UnixMilli())
			table.Value = append(table.Value, 1/float64(step+1))
		}
		if err := stream.Send(&pb.LogBatchRequest{RunId: runID, Metrics: table}); err != nil {
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
