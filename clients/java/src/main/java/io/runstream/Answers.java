package io.runstream;

import io.grpc.Context;
import io.grpc.StatusRuntimeException;
import java.util.Iterator;

/**
 * The answers of a call, read as they come. Closing it before its end ends the call.
 *
 * @param <A> type of the answers
 */
public final class Answers<A> implements Iterator<A>, AutoCloseable {
  private final Iterator<A> answers;
  private final Context.CancellableContext call;

  Answers(Iterator<A> answers, Context.CancellableContext call) {
    this.answers = answers;
    this.call = call;
  }

  /**
   * Waits for the next answer, or the end.
   *
   * @throws TrackingException if the call ended by an error
   */
  @Override
  public boolean hasNext() {
    try {
      return answers.hasNext();
    } catch (StatusRuntimeException error) {
      throw TrackingException.of(error);
    }
  }

  /**
   * Waits for the next answer and returns it.
   *
   * @throws TrackingException if the call ended by an error
   * @throws java.util.NoSuchElementException at the end
   */
  @Override
  public A next() {
    try {
      return answers.next();
    } catch (StatusRuntimeException error) {
      throw TrackingException.of(error);
    }
  }

  /** Ends the call, if it has not ended. */
  @Override
  public void close() {
    call.close();
  }
}
