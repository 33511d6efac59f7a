package io.runstream;

import io.grpc.ConnectivityState;
import io.grpc.Context;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.AbstractBlockingStub;
import java.time.Duration;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.stream.Collectors;

/** How a client calls its server: by which channel, how long, how often, and with which errors. */
final class Calls {
  private static final String PACKAGE = "runstream.v1.";

  // Those whose second answer would be an error: for them the channel waits, and asks once.
  private static final Map<String, List<String>> ONCE =
      Map.of(
          PACKAGE + "ExperimentService",
          List.of(
              "CreateExperiment", "DeleteExperiment", "RestoreExperiment", "DeleteExperimentTag"),
          PACKAGE + "RunService",
          List.of("DeleteTag"),
          PACKAGE + "ArtifactService",
          List.of("UploadArtifact", "DownloadArtifact", "DeleteArtifacts"),
          PACKAGE + "LoggingService",
          List.of("LogBatch"),
          PACKAGE + "WatchService",
          List.of("Watch"));

  final ManagedChannel channel;
  final Duration deadline;

  Calls(ManagedChannel channel, Duration deadline) {
    this.channel = channel;
    this.deadline = deadline;
  }

  /** Returns the service config: calls wait for the server, and those that can be are repeated. */
  static Map<String, ?> serviceConfig() {
    Map<String, ?> retries =
        Map.of(
            "maxAttempts",
            5.0,
            "initialBackoff",
            "0.2s",
            "maxBackoff",
            "5s",
            "backoffMultiplier",
            3.0,
            "retryableStatusCodes",
            List.of("UNAVAILABLE"));
    List<Map<String, String>> once =
        ONCE.entrySet().stream()
            .flatMap(
                service ->
                    service.getValue().stream()
                        .map(method -> Map.of("service", service.getKey(), "method", method)))
            .collect(Collectors.toList());
    return Map.of(
        "methodConfig",
        List.of(
            Map.of("name", List.of(Map.of()), "waitForReady", true, "retryPolicy", retries),
            Map.of("name", once, "waitForReady", true)));
  }

  /** Returns the answer of a unary call. */
  <S extends AbstractBlockingStub<S>, A> A call(S stub, Function<S, A> rpc) {
    try {
      return rpc.apply(stub.withDeadlineAfter(deadline));
    } catch (StatusRuntimeException error) {
      ConnectivityState state = channel.getState(false);
      if (error.getStatus().getCode() == Status.Code.DEADLINE_EXCEEDED
          && state != ConnectivityState.READY
          && state != ConnectivityState.IDLE) {
        throw TrackingException.unavailable(
            channel.authority() + " could not be reached for " + deadline.toSeconds() + " s",
            error);
      }
      throw TrackingException.of(error);
    }
  }

  /** Begins a call that is answered by a stream. */
  <S extends AbstractBlockingStub<S>, A> Answers<A> stream(S stub, Function<S, Iterator<A>> rpc) {
    Context.CancellableContext call = Context.current().withCancellation();
    Context before = call.attach();
    try {
      return new Answers<>(rpc.apply(stub), call);
    } finally {
      call.detach(before);
    }
  }

  /** Ends the channel, and calls under way soon. */
  void closeChannel() {
    channel.shutdown();
    try {
      if (!channel.awaitTermination(2, TimeUnit.SECONDS)) {
        channel.shutdownNow();
      }
    } catch (InterruptedException interrupt) {
      channel.shutdownNow();
      Thread.currentThread().interrupt();
    }
  }
}
