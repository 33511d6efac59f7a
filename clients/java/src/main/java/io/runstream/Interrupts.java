package io.runstream;

/** Work that an interrupt of its thread does not cut short. */
final class Interrupts {
  private Interrupts() {}

  /**
   * Does work to its end; an interrupt meanwhile is there again after it.
   *
   * @param work may be begun again when it throws the error of an interrupt
   */
  static void defer(Runnable work) {
    boolean interrupted = Thread.interrupted();
    try {
      while (true) {
        try {
          work.run();
          return;
        } catch (TrackingException error) {
          if (!error.isInterrupt()) {
            throw error;
          }
          Thread.interrupted();
          interrupted = true;
        }
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
