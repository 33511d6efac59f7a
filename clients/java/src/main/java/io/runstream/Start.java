package io.runstream;

import io.grpc.Deadline;
import io.grpc.Status;
import io.runstream.v1.RunStatus;
import io.runstream.v1.UpdateRunRequest;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BiConsumer;
import java.util.function.Consumer;

/**
 * A request that makes a run RUNNING, until somebody has the run.
 *
 * <p>Its end sends the same request again and then ends the run. If the request has arrived,
 * sending it again changes nothing (R1, P3); if it is still on its way, it changes nothing when it
 * arrives. So the end of the run comes last. The monitor is held while one thread ends the run.
 */
final class Start {
  private final String runId;
  private final Consumer<Deadline> request;
  private final BiConsumer<UpdateRunRequest, Deadline> update;
  private final AtomicReference<UpdateRunRequest> end = new AtomicReference<>();
  private boolean isEnded;

  /**
   * Describes a start that is not sent yet.
   *
   * @param request sends the request, which is the same each time, until a deadline
   * @param update sends the request that ends the run, until a deadline
   */
  Start(String runId, Consumer<Deadline> request, BiConsumer<UpdateRunRequest, Deadline> update) {
    this.runId = runId;
    this.request = request;
    this.update = update;
  }

  /** Sets the status and the time with which the run ends, unless they are set already. */
  void interrupt(RunStatus status) {
    end.compareAndSet(
        null,
        UpdateRunRequest.newBuilder()
            .setRunId(runId)
            .setStatus(status)
            .setEndTime(System.currentTimeMillis())
            .setWrite(Requests.newWrite()) // so that it can be sent again later
            .build());
  }

  boolean isInterrupted() {
    return end.get() != null;
  }

  /**
   * Ends the run of an interrupted start, whether its request has arrived or not.
   *
   * @throws TrackingException if it is not ended; it can be tried again
   */
  synchronized void end(Deadline deadline) {
    if (isEnded) {
      return;
    }
    try {
      request.accept(deadline);
      update.accept(end.get(), deadline);
    } catch (TrackingException error) {
      // The server may have refused the start, or the run may be deleted by now.
      if (!error.isPermanent() && error.code() != Status.Code.ALREADY_EXISTS) {
        throw error;
      }
    }
    isEnded = true;
  }

  /** Returns the error that says which run is not ended, and why. */
  TrackingException notEndedError(TrackingException cause) {
    return cause.copy("run " + runId + " was not ended: " + cause.getMessage());
  }
}
