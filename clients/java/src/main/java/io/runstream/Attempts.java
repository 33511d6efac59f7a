package io.runstream;

import java.time.Duration;

/** Pauses between the attempts of a transfer, and ends it when they moved nothing for too long. */
final class Attempts {
  private static final long FIRST_PAUSE_MILLIS = 50;
  private static final long MAX_PAUSE_MILLIS = 2_000;

  private final Duration limit;
  private long position;
  private long lastProgressNanos = System.nanoTime();
  private long pauseMillis = FIRST_PAUSE_MILLIS;

  /**
   * Begins a transfer.
   *
   * @param limit how long attempts may move nothing
   */
  Attempts(Duration limit) {
    this.limit = limit;
  }

  /**
   * Waits until it is time for the next attempt, as long as the error tells at least.
   *
   * @param reached how far the transfer is
   * @param error what ended the last attempt; thrown if attempts moved nothing for too long, or
   *     would have by the time that it tells
   */
  void awaitNext(long reached, TrackingException error) {
    if (reached > position) {
      position = reached;
      lastProgressNanos = System.nanoTime();
      pauseMillis = FIRST_PAUSE_MILLIS;
    }
    Duration still = Duration.ofNanos(System.nanoTime() - lastProgressNanos);
    if (still.plus(error.retryDelay()).compareTo(limit) >= 0) {
      throw error;
    }
    Interrupts.pause(pauseMillis, error);
    pauseMillis = Math.min(MAX_PAUSE_MILLIS, 2 * pauseMillis);
  }
}
