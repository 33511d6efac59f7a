package io.runstream;

import io.grpc.Status;
import io.runstream.v1.GetPositionRequest;
import io.runstream.v1.RunChange;
import io.runstream.v1.WatchRequest;
import io.runstream.v1.WatchResponse;
import io.runstream.v1.WatchServiceGrpc.WatchServiceBlockingStub;
import java.util.Iterator;
import java.util.List;

/**
 * What is committed to runs, as it is committed; see {@link TrackingClient#watch}.
 *
 * <p>It never ends by itself. When the connection breaks it is made again, and the watch goes on
 * where it was; a change may then be told again. One thread reads it; any may close it.
 */
public final class Watch implements Iterator<RunChange>, AutoCloseable {
  private static final long FIRST_PAUSE = 50;
  private static final long LONGEST_PAUSE = 2_000;

  private final Calls calls;
  private final WatchServiceBlockingStub stub;
  private WatchRequest request;
  private volatile Answers<WatchResponse> answers;
  private volatile boolean closed;
  private Iterator<RunChange> changes = List.<RunChange>of().iterator();
  private long pause = FIRST_PAUSE; // milliseconds before the next attempt

  /** Begins to watch, from the next commit if the request names no position. */
  Watch(Calls calls, WatchServiceBlockingStub stub, WatchRequest request) {
    this.calls = calls;
    this.stub = stub;
    this.request = request;
    if (request.getPosition().isEmpty()) {
      String now =
          calls
              .call(stub, to -> to.getPosition(GetPositionRequest.getDefaultInstance()))
              .getPosition();
      this.request = request.toBuilder().setPosition(now).build();
    }
    answers = begin();
    read(); // the first answer, which has no changes
  }

  /**
   * Waits for the next change.
   *
   * @return true; false once the watch is closed
   * @throws TrackingException {@code FAILED_PRECONDITION} of reason {@code WATCH_FELL_BEHIND} if
   *     what follows is not kept any more, because the watcher was too slow or the server was
   *     started again: take a new position, read, and watch from there; {@code NOT_FOUND} if a run
   *     or an experiment was removed for good; {@code UNAVAILABLE} if the client was closed
   */
  @Override
  public boolean hasNext() {
    while (!changes.hasNext() && !closed) {
      read();
    }
    return changes.hasNext();
  }

  /**
   * Waits for the next change and returns it.
   *
   * @throws TrackingException as {@link #hasNext}
   * @throws java.util.NoSuchElementException once the watch is closed
   */
  @Override
  public RunChange next() {
    hasNext();
    return changes.next();
  }

  /**
   * Returns the position after the answer that the last change came with; a later watch can start
   * there.
   *
   * @return the position, opaque
   */
  public String position() {
    return request.getPosition();
  }

  /** Ends the watch. */
  @Override
  public void close() {
    closed = true;
    answers.close();
  }

  private Answers<WatchResponse> begin() {
    WatchRequest from = request;
    return calls.stream(stub, to -> to.watch(from));
  }

  private void read() {
    try {
      WatchResponse answer = answers.next();
      request = request.toBuilder().setPosition(answer.getPosition()).build();
      changes = answer.getChangesList().iterator();
      pause = FIRST_PAUSE;
    } catch (TrackingException error) {
      if (closed) {
        return;
      }
      if (error.code() != Status.Code.UNAVAILABLE || calls.channel.isShutdown()) {
        throw error;
      }
      sleep();
      answers = begin(); // which waits for the server
      if (closed) { // meanwhile
        answers.close();
      }
    }
  }

  private void sleep() {
    try {
      Thread.sleep(pause);
    } catch (InterruptedException interrupt) {
      Thread.currentThread().interrupt();
      throw TrackingException.interrupted();
    }
    pause = Math.min(LONGEST_PAUSE, 2 * pause);
  }
}
