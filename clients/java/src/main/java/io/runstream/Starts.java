package io.runstream;

import io.grpc.Deadline;
import io.runstream.v1.RunStatus;
import io.runstream.v1.UpdateRunRequest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.BiConsumer;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.stream.Collectors;

/**
 * The calls of a client that create a run and wait for it, from before their requests are sent
 * until somebody has the run (R9).
 *
 * <p>The run of a start that is interrupted is ended at once, or else when the client is closed or
 * the program ends. Its monitor covers what it keeps; nobody waits for the network with it.
 */
final class Starts {
  /** Time in which the run of an interrupted start is ended at once. */
  static final Duration AT_ONCE = Duration.ofSeconds(3);

  /** Time in which the runs of all starts are ended when the client or the program ends. */
  static final Duration AT_END = Duration.ofSeconds(10);

  /** Starts that are kept; another one takes the place of the oldest. */
  static final int LIMIT = 100;

  private final Calls calls;
  private final BiConsumer<UpdateRunRequest, Deadline> update;
  private final Set<Start> starts = new LinkedHashSet<>();
  private boolean isProgramEnding;

  /**
   * Keeps no start yet.
   *
   * @param update sends the request that ends a run, until a deadline
   */
  Starts(Calls calls, BiConsumer<UpdateRunRequest, Deadline> update) {
    this.calls = calls;
    this.update = update;
  }

  /**
   * Sends a request that makes a run RUNNING, and returns its answer.
   *
   * @param request sends the request, which is the same each time, until a deadline
   * @throws TrackingException as the server answers, or if the thread is interrupted: then the run
   *     is ended
   */
  <A> A start(String runId, Function<Deadline, A> request) {
    if (Thread.currentThread().isInterrupted()) {
      throw TrackingException.interrupted(); // before there is a run that must be ended
    }
    Start start = new Start(runId, request::apply, update);
    add(start);
    try {
      A result = request.apply(calls.newDeadline());
      remove(start);
      return result;
    } catch (Throwable error) {
      if (error instanceof TrackingException && !((TrackingException) error).isInterrupt()) {
        remove(start); // the server refused it, or gave no answer for as long as a call waits
      } else {
        endAtOnce(start, error);
      }
      throw error;
    }
  }

  /** Ends the runs of starts that were interrupted; the error says which were not ended. */
  void endInterrupted(Deadline deadline) {
    List<TrackingException> errors = end(Start::isInterrupted, deadline);
    if (!errors.isEmpty()) {
      TrackingException first = errors.get(0);
      errors.stream().skip(1).forEach(first::addSuppressed);
      throw first;
    }
  }

  /**
   * Ends the runs of all starts with the program, which starts no other run from then on.
   *
   * @param status their status, if no interrupt has decided it
   * @return an error for each run that was not ended
   */
  List<TrackingException> endWithProgram(RunStatus status, Deadline deadline) {
    synchronized (this) {
      isProgramEnding = true;
      starts.forEach(start -> start.interrupt(status));
    }
    return end(start -> true, deadline);
  }

  /** Returns whether the program ends, so that no other run is started. */
  synchronized boolean isProgramEnding() {
    return isProgramEnding;
  }

  /** Returns whether some run of an interrupted start is still to be ended. */
  synchronized boolean hasInterrupted() {
    return starts.stream().anyMatch(Start::isInterrupted);
  }

  private synchronized void add(Start start) {
    if (isProgramEnding) {
      throw new IllegalStateException("the program ends, no run can be started");
    }
    if (starts.size() == LIMIT) {
      starts.remove(starts.iterator().next());
    }
    starts.add(start);
  }

  private synchronized void remove(Start start) {
    starts.remove(start);
  }

  private void endAtOnce(Start start, Throwable error) {
    start.interrupt(RunHandle.statusAfter(error));
    Deadline deadline = earlier(AT_ONCE, calls.newDeadline());
    try {
      Interrupts.defer(() -> start.end(deadline));
      remove(start);
    } catch (TrackingException cause) {
      error.addSuppressed(start.notEndedError(cause));
    }
  }

  private List<TrackingException> end(Predicate<Start> which, Deadline limit) {
    Deadline deadline = earlier(AT_END, limit);
    List<Start> chosen;
    synchronized (this) {
      chosen = starts.stream().filter(which).collect(Collectors.toList());
    }
    List<TrackingException> errors = new ArrayList<>();
    TrackingException cause = null;
    for (Start start : chosen) {
      if (cause == null || !deadline.isExpired()) {
        try {
          start.end(deadline);
          remove(start);
          continue;
        } catch (TrackingException error) {
          cause = error;
        }
      }
      errors.add(start.notEndedError(cause));
    }
    return errors;
  }

  private static Deadline earlier(Duration time, Deadline limit) {
    return limit.minimum(Deadline.after(time.toNanos(), TimeUnit.NANOSECONDS));
  }
}
