package io.runstream;

import java.util.Iterator;
import java.util.NoSuchElementException;

/**
 * The answers of a call, read as they come. Closing it before its end ends the call.
 *
 * @param <A> type of the answers
 */
public final class Answers<A> implements Iterator<A>, AutoCloseable {
  /** Where answers come from. */
  interface Source<A> extends AutoCloseable {
    /** Waits for the next answer and returns it; null at the end. */
    A next();

    @Override
    void close();
  }

  private final Source<A> source;
  private A next;
  private boolean isEnded;

  Answers(Source<A> source) {
    this.source = source;
  }

  /**
   * Waits for the next answer, or the end.
   *
   * @throws TrackingException if the call ended by an error
   */
  @Override
  public boolean hasNext() {
    if (next == null && !isEnded) {
      next = source.next();
      isEnded = next == null;
    }
    return next != null;
  }

  /**
   * Waits for the next answer and returns it.
   *
   * @throws TrackingException if the call ended by an error
   * @throws NoSuchElementException at the end
   */
  @Override
  public A next() {
    if (!hasNext()) {
      throw new NoSuchElementException();
    }
    A answer = next;
    next = null;
    return answer;
  }

  /** Ends the call, if it has not ended. */
  @Override
  public void close() {
    source.close();
  }
}
