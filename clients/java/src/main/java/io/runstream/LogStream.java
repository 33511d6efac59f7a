package io.runstream;

import io.grpc.stub.ClientCallStreamObserver;
import io.grpc.stub.ClientResponseObserver;
import io.runstream.v1.LogBatchRequest;
import io.runstream.v1.LogBatchResponse;
import java.util.function.Consumer;

/** One LogBatch stream, from its opening to its end. Its monitor covers the sending. */
final class LogStream implements ClientResponseObserver<LogBatchRequest, LogBatchResponse> {
  private final Outbox outbox;
  private final Runnable works;
  private final Consumer<TrackingException> ended;
  private ClientCallStreamObserver<LogBatchRequest> requests;
  private boolean closed;
  private boolean answered;

  /**
   * Prepares a stream.
   *
   * @param works called at the first answer
   * @param ended called at the end with why it ended
   */
  LogStream(Outbox outbox, Runnable works, Consumer<TrackingException> ended) {
    this.outbox = outbox;
    this.works = works;
    this.ended = ended;
  }

  @Override
  public void beforeStart(ClientCallStreamObserver<LogBatchRequest> observer) {
    requests = observer;
    observer.setOnReadyHandler(this::send);
    outbox.begin(this);
  }

  /** Sends what the transport and the window of unanswered batches have room for. */
  synchronized void send() {
    LogBatchRequest request;
    while (!closed && requests.isReady() && (request = outbox.next(this)) != null) {
      requests.onNext(request);
    }
  }

  /** Tells the server that no more comes; it answers what it has and ends the stream. */
  synchronized void close() {
    if (!closed) {
      closed = true;
      requests.onCompleted();
    }
  }

  @Override
  public void onNext(LogBatchResponse answer) {
    TrackingException refusal = answer.hasError() ? TrackingException.of(answer.getError()) : null;
    try {
      outbox.answer(this, answer.getAnswered(), refusal);
    } catch (IllegalStateException wrong) {
      synchronized (this) {
        closed = true;
        requests.cancel(wrong.getMessage(), wrong);
      }
      return;
    }
    if (!answered) {
      answered = true;
      works.run();
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

  private void end(TrackingException why) {
    synchronized (this) {
      closed = true;
    }
    ended.accept(why);
  }
}
