package io.runstream;

import io.runstream.v1.AlertLevel;
import io.runstream.v1.DatasetInput;
import io.runstream.v1.LogBatchRequest;
import io.runstream.v1.LoggedAlert;
import io.runstream.v1.ModelInput;
import io.runstream.v1.ModelOutput;
import io.runstream.v1.RunInfo;
import io.runstream.v1.RunStatus;
import io.runstream.v1.RunUpdate;
import java.nio.channels.ClosedByInterruptException;
import java.time.Duration;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;

/**
 * A run that goes on, made by {@link TrackingClient#startRun}. Any thread may use it.
 *
 * <p>The methods that log and {@link #close} return at once; what they said is on the disk of this
 * machine within milliseconds, and on that of the server when {@link #flush} or the close of the
 * client has returned. What the server refuses is thrown by the next call for the run. While the
 * handle is open it sends heartbeats, without which the server calls the run lost.
 *
 * <pre>{@code
 * try (RunHandle run = client.startRun("baseline")) {
 *   try {
 *     run.logParam("lr", "0.1");
 *     run.logMetric("loss", train(), 1);
 *   } catch (Exception error) {
 *     throw run.fail(error);
 *   }
 * }
 * }</pre>
 */
public final class RunHandle implements AutoCloseable {
  /** The tag that says by which error a run failed. */
  public static final String ERROR_TAG = "runstream.error";

  private final TrackingClient client;
  private final RunBuffer buffer;
  private final Thread opener = Thread.currentThread();
  private final AlertPauses alertPauses = new AlertPauses();
  private final RunInfo start;
  private volatile boolean isClosedByUser;
  private volatile RunStatus status; // null, as long as nothing failed
  private volatile RunUpdate end; // null, as long as it is not queued
  // The following belong to the thread that ends the run; the lock lets one do so at a time.
  private final Object endLock = new Object();
  private boolean isHeld = true;

  /**
   * Prepares the handle of a run that is opened.
   *
   * @param start what it is, as far as that is known here
   */
  RunHandle(TrackingClient client, RunInfo start) {
    this.client = client;
    this.start = start;
    this.buffer = client.outbox().hold(start.getRunId());
  }

  /**
   * Returns the id of the run.
   *
   * @return 32 lower-case hexadecimal digits
   */
  public String runId() {
    return start.getRunId();
  }

  /**
   * Returns what the run is, as the server told it last, or as it was started here if the server
   * has not answered yet. Once the handle is closed it has the end.
   *
   * @return its id, name, status and times
   */
  public RunInfo info() {
    RunInfo told = buffer.info == null ? start : buffer.info;
    RunUpdate ended = end;
    return ended == null || told.hasEndTime()
        ? told
        : told.toBuilder().setStatus(ended.getStatus()).setEndTime(ended.getEndTime()).build();
  }

  /**
   * Logs a point of now.
   *
   * @param key name of the metric, 1 to 250 characters (M1)
   * @param value any double; NaN and the infinities are kept (M3)
   * @param step training step, any 64-bit integer (M2)
   * @throws TrackingException if the key breaks its rule, or something before was refused
   */
  public void logMetric(String key, double value, long step) {
    log(buffer -> buffer.logMetric(key, value, step));
  }

  /**
   * Logs a point.
   *
   * @param key name of the metric, 1 to 250 characters (M1)
   * @param value any double; NaN and the infinities are kept (M3)
   * @param timestamp milliseconds since the epoch, not negative
   * @param step training step, any 64-bit integer (M2)
   * @throws TrackingException if an argument breaks its rule, or something before was refused
   */
  public void logMetric(String key, double value, long timestamp, long step) {
    log(buffer -> buffer.logMetric(key, value, timestamp, step));
  }

  /**
   * Logs a point of now of each of several metrics, all of them or none.
   *
   * @param metrics values by key
   * @param step training step, any 64-bit integer (M2)
   * @throws TrackingException if a key breaks its rule, or something before was refused
   */
  public void logMetrics(Map<String, ? extends Number> metrics, long step) {
    log(buffer -> buffer.logMetrics(metrics, step));
  }

  /**
   * Sets a param, once: the same value again is fine (P1).
   *
   * @param key name of the param, 1 to 250 characters (M1)
   * @param value up to 65,536 characters (P2)
   * @throws TrackingException if an argument breaks its rule, the param has another value, or
   *     something before was refused
   */
  public void logParam(String key, String value) {
    log(buffer -> buffer.logParams(Collections.singletonMap(key, value)));
  }

  /**
   * Sets params, as {@link #logParam} does.
   *
   * @param params values by key
   */
  public void logParams(Map<String, String> params) {
    log(buffer -> buffer.logParams(params));
  }

  /**
   * Sets a tag; the last value set stands (P3).
   *
   * @param key name of the tag, 1 to 250 characters (M1)
   * @param value up to 65,536 characters (P2)
   * @throws TrackingException if an argument breaks its rule, or something before was refused
   */
  public void setTag(String key, String value) {
    log(buffer -> buffer.setTags(Collections.singletonMap(key, value)));
  }

  /**
   * Sets tags, as {@link #setTag} does.
   *
   * @param tags values by key
   */
  public void setTags(Map<String, String> tags) {
    log(buffer -> buffer.setTags(tags));
  }

  /**
   * Waits until all that was logged to this run before is on disk.
   *
   * @param timeout how long to wait
   * @throws TrackingException if the server refused some of it, or did not answer in time ({@code
   *     DEADLINE_EXCEEDED}; it is still sent)
   */
  public void flush(Duration timeout) {
    client.outbox().flush(List.of(buffer), timeout);
  }

  /**
   * Notes that the run failed: {@link #close} will end it as FAILED, after an interrupt as KILLED
   * (R5), with the error in the tag {@link #ERROR_TAG}.
   *
   * @param error what ended it
   * @param <E> its type
   * @return the error, to be thrown again
   */
  public <E extends Throwable> E fail(E error) {
    status = statusAfter(error);
    try {
      setTag(ERROR_TAG, Rules.shorten(error.toString()));
    } catch (TrackingException | IllegalStateException refusal) {
      // What was refused before, or a close, must not hide the error that the caller is to throw.
      error.addSuppressed(refusal);
    }
    return error;
  }

  /**
   * Deletes a tag (P3). A tag that is not there is refused, which a later call for the run throws.
   *
   * @param key the key of the tag
   * @throws TrackingException if something before was refused
   */
  public void deleteTag(String key) {
    Rules.checkKey("key", key);
    put(LogBatchRequest.newBuilder().addDeletedTags(key));
  }

  /**
   * Raises an alert of the run. The interface shows it, and the server tells whom the rules for
   * raised alerts name. Another one of the same title is left out for a minute (N11).
   *
   * @param title what happened, 1 to 250 characters (N2)
   * @param text more about it, up to 10,000 characters
   * @param level how bad it is
   * @throws TrackingException if an argument breaks its rule, or something before was refused
   */
  public void alert(String title, String text, AlertLevel level) {
    Rules.checkTitle("title", title);
    Rules.checkText("text", text, Rules.ALERT_TEXT_CHARACTERS);
    LoggedAlert alert =
        LoggedAlert.newBuilder().setTitle(title).setText(text).setLevel(level).build();
    if (alertPauses.take(title)) {
      try {
        put(LogBatchRequest.newBuilder().addAlerts(alert));
      } catch (RuntimeException error) {
        alertPauses.release(title);
        throw error;
      }
    }
  }

  /**
   * Records datasets that the run read (P4).
   *
   * @param datasets the datasets, each with the tags of its use
   * @throws TrackingException if something before was refused
   */
  public void logInputs(Iterable<DatasetInput> datasets) {
    put(LogBatchRequest.newBuilder().addAllDatasets(datasets));
  }

  /**
   * Records models that the run read.
   *
   * @param models the models, each once
   * @throws TrackingException if something before was refused
   */
  public void logModelInputs(Iterable<ModelInput> models) {
    put(LogBatchRequest.newBuilder().addAllModelInputs(models));
  }

  /**
   * Records models that the run made.
   *
   * @param models the models, each once
   * @throws TrackingException if something before was refused
   */
  public void logModelOutputs(Iterable<ModelOutput> models) {
    put(LogBatchRequest.newBuilder().addAllModelOutputs(models));
  }

  /**
   * Ends the run: as FINISHED, or as {@link #fail} noted. Returns at once: the end is queued behind
   * all that was logged, and on disk with it when a flush or the close of the client has returned.
   * Calls that log throw {@link IllegalStateException} from its beginning on. Closing a run again
   * does nothing.
   *
   * @throws TrackingException if the server refused something of what was logged (the run has ended
   *     all the same)
   */
  @Override
  public void close() {
    isClosedByUser = true;
    close(RunStatus.FINISHED);
    client.outbox().refusals.throwOf(runId());
  }

  /**
   * Ends the run.
   *
   * @param statusIfNotFailed the status of the run, if nothing failed
   */
  void close(RunStatus statusIfNotFailed) {
    synchronized (endLock) {
      if (end == null) {
        RunUpdate update =
            RunUpdate.newBuilder()
                .setStatus(status == null ? statusIfNotFailed : status)
                .setEndTime(System.currentTimeMillis())
                .build();
        buffer.put(LogBatchRequest.newBuilder().setUpdate(update), null);
        end = update;
      }
      release();
    }
  }

  /** Queues the batch that starts or resumes the run; its reply gets the answer. */
  Batch open(LogBatchRequest.Builder change, Reply reply) {
    return buffer.put(change, reply);
  }

  /** Ends the run because its start was interrupted, or could not be sent (R9). */
  void kill() {
    isClosedByUser = true;
    close(RunStatus.KILLED);
  }

  /** Lets nobody wait for the end of the run any more. */
  void release() {
    synchronized (endLock) {
      if (isHeld) {
        isHeld = false;
        client.closed(this);
        client.outbox().release(buffer);
      }
    }
  }

  /** Returns the status of a run that an error ends (R5). */
  static RunStatus statusAfter(Throwable error) {
    boolean interrupted =
        error instanceof InterruptedException
            || error instanceof ClosedByInterruptException
            || error instanceof TrackingException && ((TrackingException) error).isInterrupt();
    return interrupted ? RunStatus.KILLED : RunStatus.FAILED;
  }

  /** Returns whether the thread opened this run. */
  boolean wasOpenedBy(Thread thread) {
    return opener == thread;
  }

  private void log(Predicate<RunBuffer> call) {
    if (isClosedByUser) {
      throw new IllegalStateException("run " + runId() + " is closed");
    }
    if (!call.test(buffer)) {
      client.log(runId(), call); // it was closed meanwhile
    }
  }

  private void put(LogBatchRequest.Builder change) {
    Requests.checkMessage(change.build());
    log(
        buffer -> {
          client.outbox().admit(buffer);
          return buffer.put(change, null) != null;
        });
  }
}
