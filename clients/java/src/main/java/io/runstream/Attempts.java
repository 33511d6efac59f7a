package io.runstream;

/** Counts the attempts of a transfer that moved nothing, and pauses before the next. */
final class Attempts {
  private static final int IDLE = 5;
  private static final long PAUSE_MILLIS = 200;

  private long position;
  private int idle;

  /**
   * Returns when it is time for the next attempt.
   *
   * @param reached how far the transfer is
   * @param error what ended the last attempt; thrown when there shall be no other
   */
  void next(long reached, TrackingException error) {
    idle = reached > position ? 0 : idle + 1;
    position = reached;
    if (idle == IDLE) {
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
