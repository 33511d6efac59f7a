package io.runstream.testing;

import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongConsumer;

/** A training loop on a thread of its own, which logs step after step until it may log no more. */
public final class Training {
  private final AtomicLong steps = new AtomicLong();
  private final Thread thread;

  /**
   * Starts it.
   *
   * @param log logs a step; throws IllegalStateException when that is over
   */
  public Training(LongConsumer log) {
    thread =
        new Thread(
            () -> {
              try {
                while (true) {
                  log.accept(steps.get());
                  steps.incrementAndGet();
                }
              } catch (IllegalStateException over) {
                // The loop ends by it.
              }
            });
    thread.setDaemon(true);
    thread.start();
  }

  /** Waits until so many steps were logged. */
  public void await(long count) throws InterruptedException {
    while (steps.get() < count) {
      Thread.sleep(1);
    }
  }

  /** Waits for its end, and returns how many steps were logged; -1, if it does not end in time. */
  public long steps(long timeoutMillis) throws InterruptedException {
    thread.join(timeoutMillis);
    return thread.isAlive() ? -1 : steps.get();
  }
}
