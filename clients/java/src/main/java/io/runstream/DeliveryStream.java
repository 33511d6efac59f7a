package io.runstream;

import io.grpc.Channel;
import io.grpc.stub.ClientCallStreamObserver;
import io.grpc.stub.ClientResponseObserver;
import io.runstream.v1.LogBatchRequest;
import io.runstream.v1.LogBatchResponse;
import io.runstream.v1.LoggingServiceGrpc;
import java.util.ArrayDeque;
import java.util.Queue;

/**
 * A LogBatch stream for what another process left, which one thread writes to and reads. Its
 * monitor covers what was received.
 */
final class DeliveryStream
    implements ClientResponseObserver<LogBatchRequest, LogBatchResponse>, AutoCloseable {
  private final Queue<LogBatchResponse> answers = new ArrayDeque<>();
  private ClientCallStreamObserver<LogBatchRequest> requests;
  private TrackingException error; // why it ended; null if it has not

  /** Opens a stream, which may take until there is a server. */
  DeliveryStream(Channel channel) {
    LoggingServiceGrpc.newStub(channel).withWaitForReady().logBatch(this);
  }

  /** Returns whether the transport takes a request now. */
  boolean isReady() {
    return requests.isReady();
  }

  void send(LogBatchRequest request) {
    requests.onNext(request);
  }

  /**
   * Returns the next answer that has come; null if none has.
   *
   * @throws TrackingException if the stream has ended, and all answers were read
   */
  synchronized LogBatchResponse poll() {
    if (answers.isEmpty() && error != null) {
      throw error.copy();
    }
    return answers.poll();
  }

  /** Waits until something changes, but no longer than a time. */
  synchronized void await(long nanos) {
    if (answers.isEmpty() && error == null) {
      Interrupts.await(this, nanos);
    }
  }

  /** Ends it; what has no answer may be applied, or not. */
  @Override
  public void close() {
    requests.cancel("what another process left is not sent any more", null);
  }

  @Override
  public void beforeStart(ClientCallStreamObserver<LogBatchRequest> observer) {
    requests = observer;
    observer.setOnReadyHandler(this::wake);
  }

  @Override
  public synchronized void onNext(LogBatchResponse answer) {
    answers.add(answer);
    notifyAll();
  }

  @Override
  public void onError(Throwable cause) {
    end(TrackingException.ofStream(cause));
  }

  @Override
  public void onCompleted() {
    end(TrackingException.unavailable("the server ended the stream", null));
  }

  private synchronized void end(TrackingException reason) {
    error = reason;
    notifyAll();
  }

  private synchronized void wake() {
    notifyAll();
  }
}
