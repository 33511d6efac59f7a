package io.runstream;

import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** The buffers of the runs that a client logs to, one for each run. Any thread may ask for one. */
final class Buffers {
  // Time without a call after which a buffer is removed.
  private static final Duration UNUSED_LIMIT = Duration.ofSeconds(60);

  private final Map<String, RunBuffer> byRun = new ConcurrentHashMap<>();
  private final Outbox outbox;

  Buffers(Outbox outbox) {
    this.outbox = outbox;
  }

  /** Returns the buffer of a run. If it is retired before it is used, ask again for a new one. */
  RunBuffer getOrCreate(String runId) {
    RunBuffer found = byRun.get(runId); // the common case, without a lock
    return found != null ? found : byRun.computeIfAbsent(runId, id -> new RunBuffer(id, outbox));
  }

  /** Returns a buffer that is kept until it is released. */
  RunBuffer hold(String runId) {
    RunBuffer held = getOrCreate(runId);
    while (!held.hold()) {
      held = getOrCreate(runId);
    }
    return held;
  }

  /** Returns the buffers of all runs that were logged to lately. */
  Collection<RunBuffer> all() {
    return byRun.values();
  }

  /** Returns the buffer of a run, if it was logged to lately. */
  Collection<RunBuffer> find(String runId) {
    RunBuffer found = byRun.get(runId);
    return found == null ? List.of() : List.of(found);
  }

  /** Makes batches of the points in all buffers. */
  void drain() {
    byRun.values().forEach(RunBuffer::drain);
  }

  void removeUnused() {
    long since = System.nanoTime() - UNUSED_LIMIT.toNanos();
    byRun.values().removeIf(buffer -> buffer.retire(since));
  }
}
