package io.runstream;

/** Says when the next batch of a folder may be sent. */
interface Pace {
  /** Returns how long to wait before a batch is sent; 0 to send it, which counts it. */
  long nanosUntil(int bytes);

  /** Returns whether no more is to be sent. */
  boolean isOver();
}
