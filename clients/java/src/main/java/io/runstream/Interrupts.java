package io.runstream;

import java.time.Duration;
import java.util.concurrent.TimeUnit;

/** Waits that an interrupt ends, and work that an interrupt does not end. */
final class Interrupts {
  private Interrupts() {}

  /**
   * Waits for a notification of a monitor that the thread holds.
   *
   * @throws TrackingException of an interrupt, with the flag of the thread set
   */
  static void await(Object monitor, long nanos) {
    try {
      TimeUnit.NANOSECONDS.timedWait(monitor, Math.max(nanos, 1_000_000));
    } catch (InterruptedException interrupt) {
      Thread.currentThread().interrupt();
      throw TrackingException.interrupted();
    }
  }

  /**
   * Waits before another attempt of a call that was answered by an error.
   *
   * @param pauseMillis how long
   * @param error may tell to wait longer
   * @throws TrackingException of an interrupt, with the flag of the thread set
   */
  static void pause(long pauseMillis, TrackingException error) {
    pause(Math.max(pauseMillis, roundUpToMillis(error.retryDelay())));
  }

  /**
   * Waits for a while.
   *
   * @throws TrackingException of an interrupt, with the flag of the thread set
   */
  static void pause(long millis) {
    try {
      Thread.sleep(millis);
    } catch (InterruptedException interrupt) {
      Thread.currentThread().interrupt();
      throw TrackingException.interrupted();
    }
  }

  /** Returns the milliseconds after which a time is over. */
  static long roundUpToMillis(Duration time) {
    return time.plusNanos(999_999).toMillis();
  }

  /**
   * Does work to its end. If the thread is interrupted meanwhile, its flag is set again afterwards.
   *
   * @param work what to do; it is run again when it throws the error of an interrupt
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
