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

  /** Time after which an open run gives a heartbeat, if nothing of it was sent meanwhile. */
  static final Duration HEARTBEAT = Duration.ofSeconds(10);

  // Time that a call that logs waits for room.
  private static final Duration ROOM = Duration.ofMinutes(10);

  private static final System.Logger LOG = System.getLogger("io.runstream");

  final Buffers buffers = new Buffers(this);
  private final Runnable logged;
  private final Runnable put;
  private final String writer = Requests.newId();
  private final AtomicLong writes = new AtomicLong();
  private final BatchQueue queue = new BatchQueue();
  private final List<RunBuffer> living = new ArrayList<>();
  private volatile boolean full; // written with the monitor
  private volatile boolean closed; // likewise
  private volatile TrackingException failure; // of the uploader itself
  private TrackingException trouble; // for which waiting is no help

  /**
   * Makes an empty outbox.
   *
   * @param logged called when points wait in a buffer; does not wait
   * @param put called when a batch waits here; does not wait
   */
  Outbox(Runnable logged, Runnable put) {
    this.logged = logged;
    this.put = put;
  }

  // For threads that log.

  /** Returns a buffer that is kept and gives heartbeats, until {@link #letGo(RunBuffer)}. */
  RunBuffer hold(String runId) {
    RunBuffer held = buffers.hold(runId);
    synchronized (this) {
      living.add(held);
      held.sent = System.nanoTime(); // the start of the run was a heartbeat
    }
    return held;
  }

  void letGo(RunBuffer held) {
    synchronized (this) {
      living.remove(held);
    }
    held.release();
  }

  void logged() {
    logged.run();
  }

  /** Returns the name of the next write whose place among others matters (P3). */
  WriteId nextWrite() {
    return WriteId.newBuilder().setWriter(writer).setSequence(writes.incrementAndGet()).build();
  }

  void put(Batch batch) {
    synchronized (this) {
      queue.add(batch);
      if (queue.bytes() >= LIMIT_BYTES && !full) {
        full = true;
        LOG.log(
            System.Logger.Level.WARNING,
            "{0} MiB wait for the server: calls that log wait too, until it catches up",
            LIMIT_BYTES >> 20);
      }
    }
    put.run();
  }

  /**
   * Waits until all that was logged before is answered.
   *
   * @param of what was logged to: a run, or all
   * @param timeout how long to wait
   */
  void flush(Collection<RunBuffer> of, Duration timeout) {
    flush(of, Deadline.after(timeout.toNanos(), TimeUnit.NANOSECONDS), timeout);
  }

  /**
   * Waits until all that was logged before is answered.
   *
   * @param deadline when to give up
   * @param timeout how long that is, for people
   */
  void flush(Collection<RunBuffer> of, Deadline deadline, Duration timeout) {
    of.forEach(RunBuffer::drain);
    synchronized (this) {
      long target = of.stream().mapToLong(buffer -> buffer.last).max().orElse(0);
      while (!queue.isAnswered(target) && hopeless() == null) {
        long left = deadline.timeRemaining(TimeUnit.NANOSECONDS);
        if (left <= 0) {
          throw backlog(of).late(timeout);
        }
        Interrupts.await(this, left);
      }
      raise(of);
      if (!queue.isAnswered(target)) {
        throw hopeless().again();
      }
    }
  }

  /** Lets a call log to a run: tells it what was refused before, or lets it wait for room. */
  void admit(RunBuffer buffer) {
    if (failure != null) {
      throw failure.again();
    }
    if (full) {
      waitForRoom();
    }
    if (buffer.refused) {
      synchronized (this) {
        raise(List.of(buffer));
      }
    }
  }

  void checkOpen() {
    if (closed) {
      throw new IllegalStateException("the client is closed");
    }
  }

  /** Lets nothing be logged any more; what was logged before can still be flushed. */
  synchronized void close() {
    closed = true;
    notifyAll();
  }

  synchronized boolean isAnswered(RunBuffer buffer) {
    return queue.isAnswered(buffer.last);
  }

  synchronized boolean isDone(RunBuffer buffer) {
    return isAnswered(buffer) && buffer.refusals.isEmpty();
  }

  /** Returns how much of what was logged to some runs has no answer yet. */
  synchronized Backlog backlog(Collection<RunBuffer> of) {
    return queue.backlog(of);
  }

  // For the uploader.

  /** Adds a heartbeat of each open run of which nothing was sent lately. */
  synchronized void giveHeartbeats() {
    long now = System.nanoTime();
    for (RunBuffer buffer : living) {
      // During an outage none is added to what waits.
      if (queue.isAllSent() && now - buffer.sent >= HEARTBEAT.toNanos()) {
        queue.addHeartbeat(buffer);
      }
    }
  }

  synchronized boolean isEmpty() {
    return queue.isEmpty();
  }

  /** Takes note that waiting cannot help, so that calls that wait fail by this; null if it can. */
  synchronized void trouble(TrackingException error) {
    trouble = error;
    notifyAll();
  }

  /** Takes note that the uploader failed, which every call that logs is told; null if it works. */
  synchronized void failure(TrackingException error) {
    if (failure != error) {
      failure = error;
      notifyAll();
    }
  }

  // For the stream.

  /** Begins a stream, on which nothing is sent yet; the one before may send no more. */
  synchronized void begin(Object stream) {
    queue.begin(stream);
  }

  /** Returns the next request for a stream; null if there is none, or it has to wait. */
  synchronized LogBatchRequest next(Object stream) {
    Batch batch = queue.next(stream);
    return batch == null ? null : batch.request;
  }

  /** Takes note that requests of a stream are answered, the last of them maybe by a refusal. */
  synchronized void answer(Object stream, long answered, TrackingException refusal) {
    Batch batch = queue.answer(stream, answered);
    if (batch == null) {
      return;
    }
    if (queue.bytes() < LIMIT_BYTES * 3 / 4) {
      full = false;
    }
    if (refusal != null && !batch.isHeartbeat()) {
      batch.buffer.refuse(batch.request, refusal);
    }
    notifyAll();
  }

  /** Returns why waiting is no help; null if it may be. */
  private TrackingException hopeless() {
    return failure != null ? failure : trouble;
  }

  private synchronized void waitForRoom() {
    long deadline = System.nanoTime() + ROOM.toNanos();
    while (full) {
      checkOpen();
      if (hopeless() != null) {
        throw hopeless().again();
      }
      long left = deadline - System.nanoTime();
      if (left <= 0) {
        throw backlog(buffers.all()).full(ROOM);
      }
      Interrupts.await(this, left);
    }
  }

  private void raise(Collection<RunBuffer> of) {
    TrackingException first = null;
    for (RunBuffer buffer : of) {
      for (TrackingException refusal : buffer.refusals) {
        if (first == null) {
          first = refusal;
        } else {
          first.addSuppressed(refusal);
        }
      }
      buffer.refusals.clear();
      buffer.refused = false;
    }
    if (first != null) {
      first.fillInStackTrace(); // of the call that it is told to
      throw first;
    }
  }
}
