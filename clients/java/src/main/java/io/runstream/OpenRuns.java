package io.runstream;

import io.grpc.Deadline;
import io.runstream.v1.RunStatus;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;

/**
 * The open runs of a client. When the program ends before its client is closed, the runs are ended
 * (R5), and so are those that are being started (R9), and what was logged is sent, as long as the
 * server answers, but no longer than a call may take. What is not sent by then stays on disk.
 */
final class OpenRuns {
  // Of all clients, for threads that end by an error.
  private static final Set<RunHandle> ALL = ConcurrentHashMap.newKeySet();

  private final Set<RunHandle> runs = ConcurrentHashMap.newKeySet();
  private final Calls calls;
  private final Uploader uploader;
  private final Outbox outbox;
  private final Starts starts;
  private final Adoption adoption;
  private final String trackingUri;
  private final Duration exitTimeout;
  private final Thread hook = new Thread(this::endWithProgram, "runstream-end");

  /**
   * Prepares for the end of the program.
   *
   * @param trackingUri of the server; empty if nobody knows it
   * @param exitTimeout how long it waits for a server that does not answer
   */
  OpenRuns(
      Calls calls,
      Uploader uploader,
      Starts starts,
      Adoption adoption,
      String trackingUri,
      Duration exitTimeout) {
    this.calls = calls;
    this.uploader = uploader;
    this.outbox = uploader.outbox;
    this.starts = starts;
    this.adoption = adoption;
    this.trackingUri = trackingUri;
    this.exitTimeout = exitTimeout;
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

  /**
   * Checks that runs can be started.
   *
   * @throws IllegalStateException if the program ends
   */
  void checkProgramGoesOn() {
    if (starts.isProgramEnding()) {
      throw new IllegalStateException("the program ends, no run can be started");
    }
  }

  private void endWithProgram() {
    // This prints, because another hook closes the loggers of the JDK.
    Deadline deadline = calls.newDeadline();
    adoption.close();
    RunStatus status = programStatus();
    starts.endWithProgram(status, deadline).forEach(error -> printError(error.getMessage()));
    for (RunHandle run : runs) {
      try {
        run.close(status);
      } catch (IllegalStateException closed) {
        // Its client is being closed, which leaves runs as they are.
      }
    }
    String why = "";
    try {
      outbox.flushAtEnd(deadline, exitTimeout);
    } catch (TrackingException error) {
      if (error.reason().equals(Backlog.FLUSH_TIMEOUT)) {
        String outage = outbox.unanswered.outage();
        why =
            outage.isEmpty()
                ? ": no answer came within " + Calls.seconds(exitTimeout)
                : ": " + outage;
      } else {
        printError(error.getMessage());
      }
    }
    report(why);
    uploader.close();
    uploader.awaitEnd();
  }

  /** Prints what is not delivered: what of it is lost, and where the rest is kept. */
  private void report(String why) {
    String server = calls.server();
    Path folder = outbox.place();
    UndeliveredReport.describeLost(server, why, outbox.unwrittenBacklog().counts())
        .forEach(OpenRuns::printError);
    String refused = outbox.keptRefusals.report(server);
    if (!refused.isEmpty()) {
      printError(refused);
    }
    if (folder != null && outbox.isOffline()) {
      printError(UndeliveredReport.describeOffline(folder, trackingUri));
    } else if (folder != null) {
      Backlog saved = outbox.writtenBacklog();
      if (!saved.isEmpty()) {
        printError(UndeliveredReport.describeKept(server, why, folder, saved.counts()));
      }
    }
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
