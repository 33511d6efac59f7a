package io.runstream;

import io.grpc.Deadline;
import io.runstream.v1.RunStatus;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;

/**
 * The open runs of a client. When the program ends before its client is closed, what was logged is
 * sent and the runs are ended (R5), and so are those that are being started (R9), all of it within
 * the time that one call has.
 */
final class OpenRuns {
  // Of all clients, for threads that end by an error.
  private static final Set<RunHandle> ALL = ConcurrentHashMap.newKeySet();

  private final Set<RunHandle> runs = ConcurrentHashMap.newKeySet();
  private final Calls calls;
  private final Outbox outbox;
  private final Starts starts;
  private final Thread hook = new Thread(this::endWithProgram, "runstream-end");

  OpenRuns(Calls calls, Outbox outbox, Starts starts) {
    this.calls = calls;
    this.outbox = outbox;
    this.starts = starts;
    Runtime.getRuntime().addShutdownHook(hook);
  }

  /** Adds a run, which fails if this thread ends by an error that nobody catches. */
  void add(RunHandle run) {
    runs.add(run);
    ALL.add(run);
    Thread thread = Thread.currentThread();
    if (thread.getUncaughtExceptionHandler() == thread.getThreadGroup()) { // it has none
      thread.setUncaughtExceptionHandler(OpenRuns::failRunsOf);
    }
  }

  void remove(RunHandle run) {
    runs.remove(run);
    ALL.remove(run);
  }

  /** Leaves the end of the program alone, because the client is closed. */
  void close() {
    ALL.removeAll(runs);
    try {
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException ending) {
      // It is the hook of somebody else that closes the client.
    }
  }

  private static void failRunsOf(Thread thread, Throwable error) {
    ALL.stream().filter(run -> run.wasOpenedBy(thread)).forEach(run -> run.fail(error));
    thread.getThreadGroup().uncaughtException(thread, error); // as if this were not there
  }

  private void endWithProgram() {
    // This prints, because another hook closes the loggers of the JDK.
    Deadline deadline = calls.newDeadline();
    RunStatus status = programStatus();
    // Starts come first: one that succeeds meanwhile adds its run to the runs below.
    starts.endWithProgram(status, deadline).forEach(error -> printError(error.getMessage()));
    for (RunHandle run : runs) {
      try {
        run.close(status, deadline);
      } catch (TrackingException error) {
        printError("run " + run.runId() + " was not ended: " + error.getMessage());
      }
    }
    try {
      outbox.flush(outbox.buffers.all(), deadline, calls.deadline);
    } catch (TrackingException error) {
      if (!error.reason().equals(Backlog.FLUSH_TIMEOUT)) {
        printError(error.getMessage());
      }
    }
    outbox
        .backlog(outbox.buffers.all())
        .report(calls.server())
        .lines()
        .forEach(OpenRuns::printError);
  }

  /**
   * Returns FINISHED if the program has come to its end by itself, and KILLED after a signal and
   * after System.exit, of which a JVM does not tell the status.
   */
  private static RunStatus programStatus() {
    return Thread.getAllStackTraces().values().stream()
            .flatMap(Stream::of)
            .anyMatch(OpenRuns::isEndOfMain)
        ? RunStatus.FINISHED
        : RunStatus.KILLED;
  }

  private static boolean isEndOfMain(StackTraceElement frame) {
    return frame.getClassName().equals("java.lang.Shutdown")
        && frame.getMethodName().equals("shutdown"); // System.exit and signals call exit
  }

  private static void printError(String text) {
    System.err.println("runstream: " + text);
  }
}
