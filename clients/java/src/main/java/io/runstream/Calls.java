package io.runstream;

import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientInterceptors;
import io.grpc.ConnectivityState;
import io.grpc.Deadline;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.AbstractBlockingStub;
import io.grpc.stub.ClientCalls;
import io.runstream.v1.WatchRequest;
import io.runstream.v1.WatchServiceGrpc;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.stream.Collectors;

/** Calls the servers of a client: with deadlines, repetitions and the errors of this package. */
final class Calls {
  private static final String PACKAGE = "runstream.v1.";

  // Streams, which go on in ways of their own: the channel sends them once.
  private static final Map<String, List<String>> NOT_REPEATED =
      Map.of(
          PACKAGE + "ArtifactService",
          List.of("UploadArtifact", "DownloadArtifact"),
          PACKAGE + "LoggingService",
          List.of("LogBatch"),
          PACKAGE + "WatchService",
          List.of("Watch"));

  /** Attempts of a call that may be repeated: so many that its deadline ends it. */
  static final int MAX_ATTEMPTS = 1_000;

  // Between the attempts of a call that the server told to wait, which threads of a program share.
  private static final long FIRST_PAUSE_MILLIS = 50;
  private static final long MAX_PAUSE_MILLIS = 2_000;

  /** What stubs call through. */
  final Channel channel;

  final Duration deadline;
  final ManagedChannel connection;

  /** How many servers a tracking URI names. */
  final int servers;

  private final String route;
  private final ConnectionProblem problems;
  private final FirstConnection firstConnection;
  private volatile UnknownRuns unknownRuns; // null before there is an outbox

  /**
   * Calls over a channel.
   *
   * @param deadline how long a call waits for the server and its answer
   * @param route how the channel reaches the servers, for people
   * @param servers how many those are
   * @param problems knows why they cannot be reached
   */
  Calls(
      ManagedChannel connection,
      Duration deadline,
      String route,
      int servers,
      ConnectionProblem problems) {
    this.connection = connection;
    this.servers = servers;
    this.route = route;
    this.problems = problems;
    this.channel = ClientInterceptors.intercept(connection, new Requests());
    this.deadline = deadline;
    this.firstConnection =
        new FirstConnection(connection, () -> problems.find(lastFailure(), server()));
  }

  /** Returns the service config, by which calls that can be repeated are. */
  static Map<String, ?> serviceConfig() {
    Map<String, ?> retries =
        Map.of(
            "maxAttempts",
            (double) MAX_ATTEMPTS,
            "initialBackoff",
            "0.1s",
            "maxBackoff",
            "2s",
            "backoffMultiplier",
            2.0,
            "retryableStatusCodes",
            // gRPC says UNKNOWN if the connection closes just as the call is written.
            List.of("UNAVAILABLE", "UNKNOWN"));
    List<Map<String, String>> notRepeated =
        NOT_REPEATED.entrySet().stream()
            .flatMap(
                service ->
                    service.getValue().stream()
                        .map(method -> Map.of("service", service.getKey(), "method", method)))
            .collect(Collectors.toList());
    return Map.of(
        "methodConfig",
        List.of(
            Map.of("name", List.of(Map.of()), "retryPolicy", retries),
            Map.of("name", notRepeated)));
  }

  /** Returns when a call that begins now is to end. */
  Deadline newDeadline() {
    return Deadline.after(deadline.toNanos(), TimeUnit.NANOSECONDS);
  }

  /**
   * Looks at why the first attempt to connect failed.
   *
   * @throws TrackingException if waiting does not solve the problem
   */
  void checkFirstConnection() {
    firstConnection.await(newDeadline());
  }

  /** Returns the answer of a unary call. */
  <S extends AbstractBlockingStub<S>, A> A call(S stub, Function<S, A> rpc) {
    return call(newDeadline(), stub, rpc);
  }

  /** Sets what delivers the starts of runs that the server does not know. */
  void setUnknownRuns(UnknownRuns runs) {
    unknownRuns = runs;
  }

  /**
   * Returns the answer of a unary call that is to end at a time.
   *
   * <p>If the server does not know a run whose start is not delivered yet, the call is made again
   * once it is.
   */
  <S extends AbstractBlockingStub<S>, A> A call(Deadline end, S stub, Function<S, A> rpc) {
    try {
      return callOnce(end, stub, rpc);
    } catch (TrackingException error) {
      if (!deliverStart(error, end)) {
        throw error;
      }
    }
    return callOnce(end, stub, rpc);
  }

  /**
   * Returns whether an error was that of a run whose start is delivered now, so that the same call
   * may be made again.
   */
  boolean deliverStart(TrackingException error, Deadline end) {
    return unknownRuns != null && unknownRuns.deliverStart(error, end);
  }

  /**
   * Returns the answer of a unary call that is to end at a time.
   *
   * <p>If the server answers that it may work later, it is sent again then.
   */
  <S extends AbstractBlockingStub<S>, A> A callOnce(Deadline end, S stub, Function<S, A> rpc) {
    Duration timeout = remaining(end);
    firstConnection.await(end);
    S shared = stub.withOption(Requests.WRITE_ID, Requests.newWrite());
    long pauseMillis = FIRST_PAUSE_MILLIS;
    while (true) {
      try {
        return attempt(end, timeout, shared, rpc);
      } catch (TrackingException error) {
        long delay = Interrupts.roundUpToMillis(error.retryDelay());
        long left = end.timeRemaining(TimeUnit.MILLISECONDS);
        if (delay == 0 || Math.max(delay, pauseMillis) >= left) {
          throw error;
        }
        Interrupts.pause(pauseMillis, error);
        pauseMillis = Math.min(MAX_PAUSE_MILLIS, 2 * pauseMillis);
      }
    }
  }

  private <S extends AbstractBlockingStub<S>, A> A attempt(
      Deadline end, Duration timeout, S stub, Function<S, A> rpc) {
    LastRefusal refusal = new LastRefusal();
    try {
      return rpc.apply(stub.withDeadline(end).withOption(LastRefusal.OPTION, refusal));
    } catch (StatusRuntimeException error) {
      TrackingException answer = TrackingException.of(error);
      if (answer.code() != Status.Code.DEADLINE_EXCEEDED || !answer.reason().isEmpty()) {
        throw answer; // a limit of the server has a reason, and the deadline of the call has none
      }
      throw refusal.error() == null
          ? noAnswerError(timeout, error)
          : TrackingException.of(refusal.error());
    }
  }

  /** Returns the answer of a unary call, before which all that was logged to runs is on disk. */
  <S extends AbstractBlockingStub<S>, A> A callAfter(
      Outbox outbox, Collection<RunBuffer> runs, S stub, Function<S, A> rpc) {
    Deadline end = newDeadline();
    outbox.flush(runs, end, deadline);
    return call(end, stub, rpc);
  }

  /** Returns the error of a call that had no answer in time: UNAVAILABLE if there is no server. */
  TrackingException noAnswerError(Duration timeout, Throwable cause) {
    ConnectivityState state = connection.getState(false);
    if (state == ConnectivityState.READY || state == ConnectivityState.IDLE) {
      return TrackingException.deadlineExceeded(
          server() + " gave no answer for " + seconds(timeout), cause);
    }
    Throwable failure = lastFailure();
    TrackingException problem = problems.find(failure, server());
    return problem != null
        ? problem
        : TrackingException.unavailable(
            server()
                + " could not be reached "
                + route
                + " for "
                + seconds(timeout)
                + words(failure),
            cause);
  }

  private static String words(Throwable failure) {
    Throwable root = failure;
    while (root != null && root.getCause() != null) {
      root = root.getCause();
    }
    return root == null ? "" : ": " + root.getMessage();
  }

  /**
   * Returns why the last attempt to connect failed, which the error of a call that waits lacks;
   * null if it did not.
   */
  private Throwable lastFailure() {
    CallOptions failFast =
        CallOptions.DEFAULT.withoutWaitForReady().withDeadlineAfter(1, TimeUnit.SECONDS);
    try {
      ClientCalls.blockingServerStreamingCall(
              connection,
              WatchServiceGrpc.getWatchMethod(), // which is not repeated; without runs it ends
              failFast,
              WatchRequest.getDefaultInstance())
          .hasNext();
      return null;
    } catch (StatusRuntimeException error) {
      return error.getStatus().getCode() == Status.Code.UNAVAILABLE ? error : null;
    }
  }

  /** Returns the name of the servers, for people. */
  String server() {
    return connection.authority();
  }

  boolean isClosed() {
    return connection.isShutdown();
  }

  /** Ends the channel, and calls under way soon. */
  void closeChannel() {
    connection.shutdown();
    try {
      if (!connection.awaitTermination(2, TimeUnit.SECONDS)) {
        connection.shutdownNow();
      }
    } catch (InterruptedException interrupt) {
      connection.shutdownNow();
      Thread.currentThread().interrupt();
    }
  }

  private static Duration remaining(Deadline end) {
    long nanos = Math.max(0, end.timeRemaining(TimeUnit.NANOSECONDS));
    return Duration.ofMillis((nanos + 999_999) / 1_000_000); // a new deadline is a whole one
  }

  static String seconds(Duration time) {
    return String.format(Locale.ROOT, "%.3g s", time.toMillis() / 1e3);
  }
}
