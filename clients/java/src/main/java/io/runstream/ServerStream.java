package io.runstream;

import io.grpc.stub.ClientCallStreamObserver;
import io.grpc.stub.ClientResponseObserver;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Queue;

/**
 * One call that is answered by a stream. One thread reads it, and the server sends no faster than
 * that; any thread may end it. Its monitor covers what was received.
 */
final class ServerStream<Q, A> implements ClientResponseObserver<Q, A>, AutoCloseable {
  /** The timeout of a wait without a limit. */
  static final Duration FOREVER = Duration.ofDays(100_000);

  // Answers that are received before they are read.
  private static final int PREFETCHED = 2;

  private final Calls calls;
  private final Queue<A> answers = new ArrayDeque<>();
  private ClientCallStreamObserver<Q> call;
  private TrackingException error;
  private boolean isEnded;

  ServerStream(Calls calls) {
    this.calls = calls;
  }

  /**
   * Waits for the next answer.
   *
   * @param timeout how long to wait
   * @return the answer; null at the end of the stream
   * @throws TrackingException if an error ended the call, or no answer came in time
   */
  synchronized A next(Duration timeout) {
    long deadline = System.nanoTime() + timeout.toNanos();
    while (answers.isEmpty() && !isEnded) {
      long left = deadline - System.nanoTime();
      if (left <= 0) {
        close();
        throw calls.noAnswerError(timeout, null);
      }
      await(left);
    }
    if (answers.isEmpty() && error != null) {
      throw error.copy();
    }
    A next = answers.poll();
    if (next != null && !isEnded) {
      call.request(1);
    }
    return next;
  }

  /** Ends the call, if it has not ended. */
  @Override
  public void close() {
    call.cancel("its reader closed it", null);
  }

  @Override
  public void beforeStart(ClientCallStreamObserver<Q> observer) {
    call = observer;
    observer.disableAutoRequestWithInitial(PREFETCHED);
  }

  @Override
  public synchronized void onNext(A answer) {
    answers.add(answer);
    notifyAll();
  }

  @Override
  public synchronized void onError(Throwable cause) {
    error = TrackingException.ofStream(cause);
    isEnded = true;
    notifyAll();
  }

  @Override
  public synchronized void onCompleted() {
    isEnded = true;
    notifyAll();
  }

  private void await(long nanos) {
    try {
      Interrupts.await(this, nanos);
    } catch (TrackingException interrupt) {
      close();
      throw interrupt;
    }
  }
}
