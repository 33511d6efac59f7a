package io.runstream;

import io.grpc.Deadline;
import io.runstream.v1.LogRequest;
import io.runstream.v1.LoggingServiceGrpc;
import io.runstream.v1.LoggingServiceGrpc.LoggingServiceBlockingStub;
import io.runstream.v1.RunStatus;
import io.runstream.v1.UpdateRunRequest;
import java.time.Duration;
import java.util.Collections;
import java.util.function.Predicate;

/** The calls of a {@link TrackingClient} that log to runs by their ids. */
abstract class RunLogging {
  final Calls calls;
  final Uploader uploader;
  final Runs runs;
  private final LoggingServiceBlockingStub logs;

  RunLogging(Calls calls, BatchQueue queue, boolean isOffline) {
    this.calls = calls;
    uploader = new Uploader(calls.connection, calls.servers, queue, isOffline);
    calls.setUnknownRuns(new UnknownRuns(calls, uploader.outbox));
    runs = new Runs(calls, uploader.outbox);
    logs = LoggingServiceGrpc.newBlockingStub(calls.channel).withWaitForReady();
  }

  /**
   * Logs a point of now to a run; see {@link RunHandle#logMetric(String, double, long)}.
   *
   * @param runId the run
   * @param key name of the metric
   * @param value any double
   * @param step training step
   */
  public void logMetric(String runId, String key, double value, long step) {
    log(runId, buffer -> buffer.logMetric(key, value, step));
  }

  /**
   * Logs a point to a run; see {@link RunHandle#logMetric(String, double, long, long)}.
   *
   * @param runId the run
   * @param key name of the metric
   * @param value any double
   * @param timestamp milliseconds since the epoch, not negative
   * @param step training step
   */
  public void logMetric(String runId, String key, double value, long timestamp, long step) {
    log(runId, buffer -> buffer.logMetric(key, value, timestamp, step));
  }

  /**
   * Sets a param of a run; see {@link RunHandle#logParam}.
   *
   * @param runId the run
   * @param key name of the param
   * @param value its value
   */
  public void logParam(String runId, String key, String value) {
    log(runId, buffer -> buffer.logParams(Collections.singletonMap(key, value)));
  }

  /**
   * Sets a tag of a run; see {@link RunHandle#setTag}.
   *
   * @param runId the run
   * @param key name of the tag
   * @param value its value
   */
  public void setTag(String runId, String key, String value) {
    log(runId, buffer -> buffer.setTags(Collections.singletonMap(key, value)));
  }

  /**
   * Logs a batch in one call: points, params and tags of a run, all of them or none (P5). They are
   * on disk when it returns.
   *
   * @param request the batch, up to 4 MiB
   * @throws TrackingException as the server answers
   */
  public void log(LogRequest request) {
    calls.call(logs, service -> service.log(request));
  }

  /**
   * Waits until all that was logged to a run is on disk, and ends it as FINISHED.
   *
   * @param runId the run
   * @throws TrackingException as {@link #flush} and {@link Runs#update}
   */
  public void setTerminated(String runId) {
    setTerminated(runId, RunStatus.FINISHED);
  }

  /**
   * Waits until all that was logged to a run is on disk, and ends it.
   *
   * @param runId the run
   * @param status FINISHED, FAILED or KILLED
   * @throws TrackingException as {@link #flush} and {@link Runs#update}
   */
  public void setTerminated(String runId, RunStatus status) {
    Deadline end = calls.newDeadline();
    uploader.outbox.flush(uploader.outbox.buffers.find(runId), end, calls.deadline);
    UpdateRunRequest request =
        UpdateRunRequest.newBuilder()
            .setRunId(runId)
            .setStatus(status)
            .setEndTime(System.currentTimeMillis())
            .build();
    runs.update(request, end);
  }

  /**
   * Waits until all that was logged before is on disk.
   *
   * @param timeout how long to wait
   * @throws TrackingException if the server refused some of it, or did not answer in time ({@code
   *     DEADLINE_EXCEEDED}; it is still sent)
   */
  public void flush(Duration timeout) {
    uploader.outbox.flush(uploader.outbox.buffers.all(), timeout);
  }

  void log(String runId, Predicate<RunBuffer> call) {
    while (!call.test(uploader.outbox.buffers.getOrCreate(runId))) {
      // That buffer was retired meanwhile; there is a new one.
    }
  }

  Outbox outbox() {
    return uploader.outbox;
  }
}
