package io.runstream;

import io.runstream.v1.RunStatus;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The runs of a client that go on. When the program ends before its client is closed, what was
 * logged is sent, and the runs are ended as KILLED.
 */
final class OpenRuns {
  private final Set<RunHandle> runs = ConcurrentHashMap.newKeySet();
  private final Outbox outbox;
  private final Thread hook = new Thread(this::endOfProgram, "runstream-end");

  OpenRuns(Outbox outbox) {
    this.outbox = outbox;
    Runtime.getRuntime().addShutdownHook(hook);
  }

  void add(RunHandle run) {
    runs.add(run);
  }

  void remove(RunHandle run) {
    runs.remove(run);
  }

  /** Leaves the end of the program alone, because the client is closed. */
  void close() {
    try {
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException ending) {
      // It is the hook of somebody else that closes the client.
    }
  }

  private void endOfProgram() {
    // No logger works any more: those of the JDK are closed by a hook of their own.
    for (RunHandle run : runs) {
      try {
        run.close(RunStatus.KILLED);
      } catch (TrackingException error) {
        System.err.println("runstream: run " + run.runId() + ": " + error.getMessage());
      }
    }
    try {
      outbox.finish(outbox.all(), TrackingClient.PATIENCE);
    } catch (TrackingException error) {
      System.err.println("runstream: " + error.getMessage());
    }
  }
}
