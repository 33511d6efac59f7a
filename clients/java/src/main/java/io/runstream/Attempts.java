package io.runstream;

/** Counts the attempts of a transfer that moved nothing, and pauses before the next. */
final class Attempts {
  private static final int MAX_IDLE_ATTEMPTS = 5;
  private static final long PAUSE_MILLIS = 200;

  private long position;
  private int idleAttempts;

  /**
   * Waits until it is time for the next attempt.
   *
   * @param reached how far the transfer is
   * @param error what ended the last attempt; thrown if too many attempts moved nothing
   */
  void awaitNext(long reached, TrackingException error) {
    idleAttempts = reached > position ? 0 : idleAttempts + 1;
    position = reached;
    if (idleAttempts == MAX_IDLE_ATTEMPTS) {
      throw error;
    }
    try {
      Thread.sleep(PAUSE_MILLIS);
    } catch (InterruptedException interrupt) {
      Thread.currentThread().interrupt();
      throw TrackingException.interrupted();
    }
  }
}
