package io.runstream;

import java.time.Duration;
import java.util.function.Supplier;

/**
 * The room for batches that are in memory alone: calls that log wait while there is none. Its
 * monitor covers whether there is.
 */
final class MemoryRoom {
  /** Bytes of batches in memory after which calls that log wait. */
  static final long LIMIT_BYTES = 64L * 1024 * 1024;

  // Between two looks at whether waiting for room is of use.
  private static final long LOOK_NANOS = 100_000_000;
  // Time that a call that logs waits for room.
  private static final Duration TIMEOUT = Duration.ofMinutes(10);
  private static final System.Logger LOG = System.getLogger("io.runstream");

  private final Supplier<Backlog> backlog;
  private volatile boolean isFull; // written with the monitor

  /**
   * Begins with room.
   *
   * @param backlog returns what has no answer
   */
  MemoryRoom(Supplier<Backlog> backlog) {
    this.backlog = backlog;
  }

  /** Takes how many bytes are in memory now. */
  synchronized void update(long bytes) {
    if (!isFull && bytes >= LIMIT_BYTES) {
      isFull = true;
      LOG.log(
          System.Logger.Level.WARNING,
          "calls that log wait for room, because {0} MiB have no answer of the server: it is away,"
              + " or stores more slowly than this program logs",
          LIMIT_BYTES >> 20);
    } else if (isFull && bytes < LIMIT_BYTES * 3 / 4) {
      isFull = false;
      notifyAll();
    }
  }

  /** Returns whether calls that log wait; no lock. */
  boolean isFull() {
    return isFull;
  }

  /** Lets those who wait look at whether that is of use. */
  synchronized void wake() {
    notifyAll();
  }

  /**
   * Waits while there is no room.
   *
   * @param check throws an exception if waiting is of no use
   * @throws TrackingException if there is none for ten minutes
   */
  void await(Runnable check) {
    long deadline = System.nanoTime() + TIMEOUT.toNanos();
    while (isFull) {
      check.run();
      long left = deadline - System.nanoTime();
      if (left <= 0) {
        throw backlog.get().fullError(TIMEOUT);
      }
      synchronized (this) {
        if (isFull) {
          Interrupts.await(this, Math.min(left, LOOK_NANOS));
        }
      }
    }
  }
}
