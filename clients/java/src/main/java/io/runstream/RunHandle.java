package io.runstream;

import io.grpc.Deadline;
import io.runstream.v1.RunInfo;
import io.runstream.v1.RunStatus;
import io.runstream.v1.UpdateRunRequest;
import java.nio.channels.ClosedByInterruptException;
import java.time.Duration;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;

/**
 * A run that goes on, made by {@link TrackingClient#startRun}. Any thread may use it.
 *
 * <p>The methods that log return at once; what they logged is on disk when {@link #flush} or {@link
 * #close} has returned. What the server refuses is thrown by the next call for the run. While the
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
  private volatile boolean isClosedByUser;
  private volatile RunInfo info;
  private volatile RunStatus status; // null, as long as nothing failed
  // The following belong to the thread that ends the run; the lock lets one do so at a time.
  private final Object endLock = new Object();
  private UpdateRunRequest end;
  private TrackingException refusal; // of what was logged; close throws it
  private boolean isHeld = true;
  private boolean isEnded;

  RunHandle(TrackingClient client, RunInfo info) {
    this.client = client;
    this.info = info;
    this.buffer = client.outbox().hold(info.getRunId());
  }

  /**
   * Returns the id of the run.
   *
   * @return 32 lower-case hexadecimal digits
   */
  public String runId() {
    return info.getRunId();
  }

  /**
   * Returns what the run is, as it was when it was started or closed.
   *
   * @return its id, name, status and times
   */
  public RunInfo info() {
    return info;
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
   * Waits until all that was logged is on disk, and ends the run: as FINISHED, or as {@link #fail}
   * noted. Calls that log throw {@link IllegalStateException} from its beginning on. An interrupt
   * of the thread waits until it is done.
   *
   * <p>The run has ended when that is on disk. If this throws because the server did not answer, it
   * can be called again; closing a run that has ended does nothing.
   *
   * @throws TrackingException if the server refused something of what was logged (the run has
   *     ended), or did not answer for a minute
   */
  @Override
  public void close() {
    isClosedByUser = true;
    close(RunStatus.FINISHED, client.calls().newDeadline());
  }

  /**
   * Ends the run.
   *
   * @param statusIfNotFailed the status of the run, if nothing failed
   * @param deadline when to give up
   */
  void close(RunStatus statusIfNotFailed, Deadline deadline) {
    Interrupts.defer(
        () -> {
          synchronized (endLock) {
            if (!isEnded) {
              end(status == null ? statusIfNotFailed : status, deadline);
            }
          }
        });
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

  private void end(RunStatus finalStatus, Deadline deadline) {
    flushBeforeEnd(deadline);
    if (end == null) {
      end =
          UpdateRunRequest.newBuilder()
              .setRunId(runId())
              .setStatus(finalStatus)
              .setEndTime(System.currentTimeMillis())
              .setWrite(Requests.newWrite()) // so that it can be sent again later
              .build();
    }
    try {
      info = client.runs().update(end, deadline);
    } catch (TrackingException error) {
      if (error.isPermanent()) {
        release(); // a later attempt would be refused, too
      }
      if (refusal != null) {
        error.addSuppressed(refusal);
      }
      throw error;
    }
    isEnded = true;
    release();
    if (refusal != null) {
      throw refusal;
    }
  }

  private void flushBeforeEnd(Deadline deadline) {
    try {
      client.outbox().flush(List.of(buffer), deadline, client.calls().deadline);
    } catch (TrackingException error) {
      if (!client.outbox().isAnswered(buffer)) {
        throw error;
      }
      if (refusal != null) {
        error.addSuppressed(refusal);
      }
      refusal = error;
    }
  }

  private void release() {
    if (isHeld) {
      isHeld = false;
      client.closed(this);
      client.outbox().release(buffer);
    }
  }
}
