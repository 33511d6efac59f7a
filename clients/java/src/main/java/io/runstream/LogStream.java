package io.runstream;

import io.grpc.stub.ClientCallStreamObserver;
import io.grpc.stub.ClientResponseObserver;
import io.runstream.v1.LogBatchRequest;
import io.runstream.v1.LogBatchResponse;
import java.util.function.Consumer;

/** One LogBatch stream, from its opening to its end. Its monitor covers the sending. */
final class LogStream implements ClientResponseObserver<LogBatchRequest, LogBatchResponse> {
  private final Outbox outbox;
  private final Runnable onFirstAnswer;
  private final Consumer<TrackingException> onEnd;
  private final Consumer<String> onUnknownRun;
  private ClientCallStreamObserver<LogBatchRequest> requests;
  private boolean isClosed;
  private boolean isAbandoned;
  private boolean hasAnswer;

  /**
   * Prepares a stream.
   *
   * @param onFirstAnswer called at the first answer
   * @param onEnd called with the error that ended the stream
   * @param onUnknownRun called in place of it with the run whose start has to be sent first
   */
  LogStream(
      Outbox outbox,
      Runnable onFirstAnswer,
      Consumer<TrackingException> onEnd,
      Consumer<String> onUnknownRun) {
    this.outbox = outbox;
    this.onFirstAnswer = onFirstAnswer;
    this.onEnd = onEnd;
    this.onUnknownRun = onUnknownRun;
  }

  @Override
  public void beforeStart(ClientCallStreamObserver<LogBatchRequest> observer) {
    requests = observer;
    observer.setOnReadyHandler(this::send);
    outbox.beginStream(this);
  }

  /** Sends what the transport and the window of unanswered batches have room for. */
  synchronized void send() {
    LogBatchRequest request;
    while (!isClosed && requests.isReady() && (request = outbox.next(this)) != null) {
      requests.onNext(request);
    }
  }

  /** Tells the server that no more comes; it answers what it has and ends the stream. */
  synchronized void close() {
    if (!isClosed) {
      isClosed = true;
      requests.onCompleted();
    }
  }

  @Override
  public void onNext(LogBatchResponse answer) {
    TrackingException refusal = answer.hasError() ? TrackingException.of(answer.getError()) : null;
    try {
      String unknown =
          refusal == null
              ? null
              : outbox.endBeforeUnknownRun(
                  this, answer.getAnswered(), answer.getRunInfosList(), refusal);
      if (unknown != null) {
        abandon(unknown);
        return;
      }
      outbox.answer(this, answer.getAnswered(), answer.getRunInfosList(), refusal);
    } catch (IllegalStateException error) {
      synchronized (this) {
        isClosed = true;
        requests.cancel(error.getMessage(), error);
      }
      return;
    }
    if (!hasAnswer) {
      hasAnswer = true;
      onFirstAnswer.run();
    }
    send();
  }

  @Override
  public void onError(Throwable error) {
    end(TrackingException.ofStream(error));
  }

  @Override
  public void onCompleted() {
    end(TrackingException.unavailable("the server ended the stream", null));
  }

  private void abandon(String unknownRun) {
    synchronized (this) {
      isClosed = true;
      isAbandoned = true;
      requests.cancel("the start of a run has to be sent first", null);
    }
    onUnknownRun.accept(unknownRun);
  }

  private void end(TrackingException reason) {
    synchronized (this) {
      isClosed = true;
      if (isAbandoned) {
        return;
      }
    }
    onEnd.accept(reason);
  }
}
