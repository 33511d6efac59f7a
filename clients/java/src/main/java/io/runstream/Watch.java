package io.runstream;

import io.runstream.v1.GetPositionRequest;
import io.runstream.v1.RunChange;
import io.runstream.v1.WatchRequest;
import io.runstream.v1.WatchResponse;
import io.runstream.v1.WatchServiceGrpc;
import io.runstream.v1.WatchServiceGrpc.WatchServiceStub;
import java.time.Duration;
import java.util.Iterator;
import java.util.List;

/**
 * What is committed to runs, as it is committed; see {@link TrackingClient#watch}.
 *
 * <p>It never ends by itself. When the connection breaks it is made again, and the watch goes on
 * where it was; a change may then come again. If the server cannot be reached for as long as a call
 * waits for it, the watch fails. One thread reads it; any may close it.
 */
public final class Watch implements Iterator<RunChange>, AutoCloseable {
  private static final long FIRST_PAUSE_MILLIS = 50;
  private static final long MAX_PAUSE_MILLIS = 2_000;

  private final Calls calls;
  private final WatchServiceStub stub;
  private WatchRequest request;
  private volatile ServerStream<WatchRequest, WatchResponse> answers;
  private volatile boolean isClosed;
  private boolean hasBegun; // the first answer comes at once and has no changes
  private Iterator<RunChange> changes = List.<RunChange>of().iterator();
  private long pauseMillis = FIRST_PAUSE_MILLIS; // before the next attempt
  private long lastAnswerNanos = System.nanoTime();

  /** Begins to watch, from the next commit if the request names no position. */
  Watch(Calls calls, WatchRequest request) {
    this.calls = calls;
    this.stub = WatchServiceGrpc.newStub(calls.channel).withWaitForReady();
    this.request =
        request.getPosition().isEmpty()
            ? request.toBuilder().setPosition(position(calls)).build()
            : request;
    open();
    while (!hasBegun) {
      read();
    }
  }

  /** Returns the position of the last commit. */
  static String position(Calls calls) {
    return calls
        .call(
            WatchServiceGrpc.newBlockingStub(calls.channel).withWaitForReady(),
            service -> service.getPosition(GetPositionRequest.getDefaultInstance()))
        .getPosition();
  }

  /**
   * Waits for the next change.
   *
   * @return true; false once the watch is closed
   * @throws TrackingException {@code FAILED_PRECONDITION} of reason {@code WATCH_FELL_BEHIND} if
   *     what follows is not kept any more, because the watcher was too slow or the server of an
   *     SQLite file was started again: take a new position, read, and watch from there; {@code
   *     NOT_FOUND} if a run or an experiment was removed for good; {@code UNAVAILABLE} if the
   *     client was closed, or the server could not be reached for as long as a call waits for it
   */
  @Override
  public boolean hasNext() {
    while (!changes.hasNext() && !isClosed) {
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
    isClosed = true;
    answers.close();
  }

  private void open() {
    hasBegun = false;
    ServerStream<WatchRequest, WatchResponse> stream = new ServerStream<>(calls);
    stub.watch(request, stream);
    answers = stream;
  }

  private void read() {
    WatchResponse answer;
    try {
      answer = answers.next(hasBegun ? ServerStream.FOREVER : calls.deadline);
    } catch (TrackingException error) {
      reopenAfter(error);
      return;
    }
    if (answer == null) {
      reopenAfter(TrackingException.unavailable("the server ended the watch", null));
      return;
    }
    hasBegun = true;
    lastAnswerNanos = System.nanoTime();
    request = request.toBuilder().setPosition(answer.getPosition()).build();
    changes = answer.getChangesList().iterator();
    pauseMillis = FIRST_PAUSE_MILLIS;
  }

  private void reopenAfter(TrackingException error) {
    if (isClosed) {
      hasBegun = true;
      return;
    }
    if (hasBegun) {
      lastAnswerNanos = System.nanoTime(); // a quiet watch is not one without a server
    }
    Duration silence = Duration.ofNanos(System.nanoTime() - lastAnswerNanos);
    boolean late = silence.plus(error.retryDelay()).compareTo(calls.deadline) >= 0;
    if (!error.mayWorkLater() || calls.isClosed() || late) {
      throw error;
    }
    Interrupts.pause(pauseMillis, error);
    pauseMillis = Math.min(MAX_PAUSE_MILLIS, 2 * pauseMillis);
    open();
    if (isClosed) { // meanwhile
      answers.close();
    }
  }
}
