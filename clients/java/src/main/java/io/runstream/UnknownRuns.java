package io.runstream;

import com.google.protobuf.Descriptors.FieldDescriptor;
import io.grpc.Deadline;
import io.runstream.v1.LogBatchRequest;
import io.runstream.v1.LogRequest;
import io.runstream.v1.LoggingServiceGrpc;
import io.runstream.v1.LoggingServiceGrpc.LoggingServiceBlockingStub;
import java.util.Collection;

/**
 * Runs that a server does not know, because their start is not delivered yet: it waits in the
 * outbox of this client, or in the spool of another process.
 */
final class UnknownRuns {
  private static final String RUN_NOT_FOUND = "RUN_NOT_FOUND";

  private final Calls calls;
  private final Outbox outbox;
  private final LoggingServiceBlockingStub logs;

  UnknownRuns(Calls calls, Outbox outbox) {
    this.calls = calls;
    this.outbox = outbox;
    logs = LoggingServiceGrpc.newBlockingStub(calls.channel).withWaitForReady();
  }

  /**
   * Gets the start of a run to the server, if an error says that the server does not know the run.
   *
   * @param end when to give up
   * @return whether there was a start, so that the call may be made again
   * @throws TrackingException if what this client logged to the run is refused or not answered
   */
  boolean deliverStart(TrackingException error, Deadline end) {
    String runId = error.metadata().getOrDefault("value", "");
    if (!error.reason().equals(RUN_NOT_FOUND) || runId.isEmpty()) {
      return false;
    }
    Collection<RunBuffer> runs = outbox.buffers.find(runId);
    if (!outbox.unanswered.backlog(runs).isEmpty()) {
      outbox.flush(runs, end, calls.deadline);
      return true;
    }
    LogBatchRequest start = outbox.findStart(runId);
    if (start == null) {
      return false;
    }
    LogRequest request = toLogRequest(start); // its process sends it again, which changes nothing
    calls.callOnce(end, logs, service -> service.log(request));
    return true;
  }

  /** Returns the request of a call of Log that says the same as one of LogBatch. */
  private static LogRequest toLogRequest(LogBatchRequest batch) {
    LogRequest.Builder request = LogRequest.newBuilder();
    batch
        .getAllFields()
        .forEach(
            (field, value) -> {
              // Both have the same fields, but for the name of that of the columns of points.
              String name = field.getName().equals("metrics") ? "table" : field.getName();
              FieldDescriptor same = LogRequest.getDescriptor().findFieldByName(name);
              request.setField(same, value);
            });
    return request.build();
  }
}
