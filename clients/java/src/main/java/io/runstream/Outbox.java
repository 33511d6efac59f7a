package io.runstream;

import io.grpc.Deadline;
import io.runstream.v1.LogBatchRequest;
import io.runstream.v1.WriteId;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/**
 * What was logged and is not answered yet: the batches of a client, in the order of sending.
 *
 * <pre>
 * RunBuffer ──drain──&gt; Outbox ──next──&gt; LogStream
 * (points, per run)    (batches) &lt;─answer─┘
 * </pre>
 *
 * <p>Batches may take 64 MiB. When they do, which takes an outage or a server slower than its
 * clients, calls that log wait until a quarter is free again, at most ten minutes. Its monitor
 * covers all that is here; nobody waits for the network with it, and an interrupt finds a thread
 * either before a change or after it.
 */
final class Outbox {
  /** Bytes of batches without an answer after which calls that log wait. */
  static final long LIMIT_BYTES = 64L * 1024 * 1024;

  /** Time after which an open run sends a heartbeat, if nothing else was sent for it. */
  static final Duration HEARTBEAT = Duration.ofSeconds(10);

  // Time that a call that logs waits for room.
  private static final Duration ROOM_TIMEOUT = Duration.ofMinutes(10);

  private static final System.Logger LOG = System.getLogger("io.runstream");

  final Buffers buffers = new Buffers(this);
  private final Runnable onLogged;
  private final Runnable onPut;
  private final String writer = Requests.newId();
  private final AtomicLong writes = new AtomicLong();
  private final BatchQueue queue = new BatchQueue();
  private final List<RunBuffer> openBuffers = new ArrayList<>();
  private volatile boolean isFull; // written with the monitor
  private volatile boolean isClosed; // likewise
  private volatile TrackingException uploaderError; // the uploader itself failed
  private TrackingException sendError; // sending again cannot succeed

  /**
   * Makes an empty outbox.
   *
   * @param onLogged called when points wait in a buffer; does not wait
   * @param onPut called when a batch waits here; does not wait
   */
  Outbox(Runnable onLogged, Runnable onPut) {
    this.onLogged = onLogged;
    this.onPut = onPut;
  }

  // For threads that log.

  /** Returns a buffer that is kept and sends heartbeats, until {@link #release}. */
  RunBuffer hold(String runId) {
    RunBuffer held = buffers.hold(runId);
    synchronized (this) {
      openBuffers.add(held);
      held.lastSentNanos = System.nanoTime(); // the start of the run was a heartbeat
    }
    return held;
  }

  void release(RunBuffer held) {
    synchronized (this) {
      openBuffers.remove(held);
    }
    held.release();
  }

  /** Lets the uploader make batches of the points in the buffers soon. */
  void schedulePacking() {
    onLogged.run();
  }

  /** Returns the id of the next write whose order matters (P3). */
  WriteId nextWrite() {
    return WriteId.newBuilder().setWriter(writer).setSequence(writes.incrementAndGet()).build();
  }

  void put(Batch batch) {
    synchronized (this) {
      queue.add(batch);
      if (queue.bytes() >= LIMIT_BYTES && !isFull) {
        isFull = true;
        LOG.log(
            System.Logger.Level.WARNING,
            "{0} MiB wait for the server: calls that log wait too, until it catches up",
            LIMIT_BYTES >> 20);
      }
    }
    onPut.run();
  }

  /**
   * Waits until all that was logged before is answered.
   *
   * @param runs what was logged to: a run, or all
   * @param timeout how long to wait
   */
  void flush(Collection<RunBuffer> runs, Duration timeout) {
    flush(runs, Deadline.after(timeout.toNanos(), TimeUnit.NANOSECONDS), timeout);
  }

  /**
   * Waits until all that was logged before is answered.
   *
   * @param deadline when to give up
   * @param timeout how long that is, for the text of the error
   */
  void flush(Collection<RunBuffer> runs, Deadline deadline, Duration timeout) {
    runs.forEach(RunBuffer::drain);
    synchronized (this) {
      long target = runs.stream().mapToLong(buffer -> buffer.lastBatch).max().orElse(0);
      while (!queue.isAnswered(target) && permanentError() == null) {
        long left = deadline.timeRemaining(TimeUnit.NANOSECONDS);
        if (left <= 0) {
          throw backlog(runs).timeoutError(timeout);
        }
        Interrupts.await(this, left);
      }
      throwRefusals(runs);
      if (!queue.isAnswered(target)) {
        throw permanentError().copy();
      }
    }
  }

  /** Checks that a call may log to a run: throws what was refused before, or waits for room. */
  void admit(RunBuffer buffer) {
    if (uploaderError != null) {
      throw uploaderError.copy();
    }
    if (isFull) {
      waitForRoom();
    }
    if (buffer.hasRefusals) {
      synchronized (this) {
        throwRefusals(List.of(buffer));
      }
    }
  }

  void checkOpen() {
    if (isClosed) {
      throw new IllegalStateException("the client is closed");
    }
  }

  /** Refuses whatever is logged from now on; what was logged before can still be flushed. */
  synchronized void close() {
    isClosed = true;
    notifyAll();
  }

  synchronized boolean isAnswered(RunBuffer buffer) {
    return queue.isAnswered(buffer.lastBatch);
  }

  synchronized boolean isDone(RunBuffer buffer) {
    return isAnswered(buffer) && buffer.refusals.isEmpty();
  }

  /** Returns how much of what was logged to some runs has no answer yet. */
  synchronized Backlog backlog(Collection<RunBuffer> runs) {
    return queue.backlog(runs);
  }

  // For the uploader.

  /** Adds a heartbeat of each open run for which nothing was sent lately. */
  synchronized void addHeartbeats() {
    long now = System.nanoTime();
    for (RunBuffer buffer : openBuffers) {
      // During an outage none is added to what waits.
      if (queue.isAllSent() && now - buffer.lastSentNanos >= HEARTBEAT.toNanos()) {
        queue.addHeartbeat(buffer);
      }
    }
  }

  synchronized boolean isEmpty() {
    return queue.isEmpty();
  }

  /**
   * Sets the error with which calls that wait fail, because waiting cannot help; null if it can.
   */
  synchronized void setPermanentError(TrackingException error) {
    sendError = error;
    notifyAll();
  }

  /** Sets the error that every call that logs throws, as the uploader failed; null if it works. */
  synchronized void setUploaderError(TrackingException error) {
    if (uploaderError != error) {
      uploaderError = error;
      notifyAll();
    }
  }

  // For the stream.

  /** Begins a stream, on which nothing is sent yet; the stream before it sends nothing any more. */
  synchronized void beginStream(Object stream) {
    queue.beginStream(stream);
  }

  /** Returns the next request for a stream; null if there is none, or the window is full. */
  synchronized LogBatchRequest next(Object stream) {
    Batch batch = queue.next(stream);
    return batch == null ? null : batch.request;
  }

  /** Removes the requests of a stream that are answered; the last one may have been refused. */
  synchronized void answer(Object stream, long answered, TrackingException refusal) {
    Batch batch = queue.answer(stream, answered);
    if (batch == null) {
      return;
    }
    if (queue.bytes() < LIMIT_BYTES * 3 / 4) {
      isFull = false;
    }
    if (refusal != null && !batch.isHeartbeat()) {
      batch.buffer.refuse(batch.request, refusal);
    }
    notifyAll();
  }

  /** Returns the error for which waiting cannot help; null if there is none. */
  private TrackingException permanentError() {
    return uploaderError != null ? uploaderError : sendError;
  }

  private synchronized void waitForRoom() {
    long deadline = System.nanoTime() + ROOM_TIMEOUT.toNanos();
    while (isFull) {
      checkOpen();
      if (permanentError() != null) {
        throw permanentError().copy();
      }
      long left = deadline - System.nanoTime();
      if (left <= 0) {
        throw backlog(buffers.all()).fullError(ROOM_TIMEOUT);
      }
      Interrupts.await(this, left);
    }
  }

  private void throwRefusals(Collection<RunBuffer> runs) {
    TrackingException first = null;
    for (RunBuffer buffer : runs) {
      for (TrackingException refusal : buffer.refusals) {
        if (first == null) {
          first = refusal;
        } else {
          first.addSuppressed(refusal);
        }
      }
      buffer.refusals.clear();
      buffer.hasRefusals = false;
    }
    if (first != null) {
      first.fillInStackTrace(); // that of the call that throws it
      throw first;
    }
  }
}
