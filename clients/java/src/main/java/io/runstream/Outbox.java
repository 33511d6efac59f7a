package io.runstream;

import io.runstream.v1.LogBatchRequest;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;

/**
 * What was logged and is not answered yet: the batches of a client, in the order of sending.
 *
 * <pre>
 * RunBuffer ──drain──&gt; Outbox ──next──&gt; LogStream
 * (points, per run)    (batches) &lt;─answer─┘
 * </pre>
 *
 * <p>Batches may take 64 MiB. When they do, which takes an outage or a server slower than its
 * clients, calls that log wait until a quarter is free again. Its monitor covers all that is here.
 */
final class Outbox {
  /** Bytes of batches without an answer after which calls that log wait. */
  static final long LIMIT_BYTES = 64L * 1024 * 1024;

  /** Bytes on the stream without an answer after which no more is sent. */
  static final long WINDOW_BYTES = 8L * 1024 * 1024;

  /** Time after which an open run gives a sign of life, if nothing of it was sent meanwhile. */
  static final Duration HEARTBEAT = Duration.ofSeconds(10);

  private static final System.Logger LOG = System.getLogger("io.runstream");

  // Time without a call after which a buffer is let go.
  private static final Duration KEPT = Duration.ofSeconds(60);

  private final Runnable logged;
  private final Runnable put;
  private final Map<String, RunBuffer> buffers = new ConcurrentHashMap<>();
  private final Deque<Batch> unsent = new ArrayDeque<>();
  private final Deque<Batch> sent = new ArrayDeque<>();
  private final List<RunBuffer> living = new ArrayList<>();
  private long bytes;
  private long sentBytes;
  private long last;
  private long lastAnswered;
  private volatile boolean full; // written with the monitor
  private volatile boolean closed; // likewise
  private Object stream; // whose turn it is
  private long streamAnswered;
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

  RunBuffer buffer(String runId) {
    RunBuffer found = buffers.get(runId); // the common case, without a lock
    return found != null ? found : buffers.computeIfAbsent(runId, id -> new RunBuffer(id, this));
  }

  /**
   * Returns a buffer that gives signs of life, and that is kept, until {@link #letGo(RunBuffer)}.
   */
  RunBuffer hold(String runId) {
    RunBuffer held = buffer(runId);
    while (!held.hold()) {
      held = buffer(runId);
    }
    synchronized (this) {
      living.add(held);
      unsent.add(sign(held));
    }
    put.run();
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

  void put(Batch batch) {
    synchronized (this) {
      batch.number = ++last;
      batch.buffer.last = last;
      batch.buffer.sent = System.nanoTime();
      unsent.add(batch);
      bytes += batch.bytes;
      if (bytes >= LIMIT_BYTES && !full) {
        full = true;
        LOG.log(
            System.Logger.Level.WARNING,
            "{0} MiB wait for the server: calls that log wait too, until it catches up",
            LIMIT_BYTES >> 20);
      }
    }
    put.run();
  }

  /** Makes batches of all that waits in buffers. */
  void drain() {
    buffers.values().forEach(RunBuffer::drain);
  }

  /**
   * Waits until all that was logged before is answered.
   *
   * @param of what was logged to: a run, or all
   * @param timeout how long to wait
   */
  void flush(Collection<RunBuffer> of, Duration timeout) {
    of.forEach(RunBuffer::drain);
    long deadline = System.nanoTime() + timeout.toNanos();
    synchronized (this) {
      long target = of.stream().mapToLong(buffer -> buffer.last).max().orElse(0);
      while (lastAnswered < target && trouble == null) {
        long left = deadline - System.nanoTime();
        if (left <= 0) {
          throw late(timeout);
        }
        await(left);
      }
      raise(of);
      if (lastAnswered < target) {
        throw trouble.again();
      }
    }
  }

  /** Waits until all is answered, as long as answers come, but only so long for any one of them. */
  void finish(Collection<RunBuffer> of, Duration patience) {
    while (true) {
      long before = answered();
      try {
        flush(of, patience);
        return;
      } catch (TrackingException error) {
        if (error.code() != io.grpc.Status.Code.DEADLINE_EXCEEDED || answered() == before) {
          throw error;
        }
      }
    }
  }

  Collection<RunBuffer> all() {
    return buffers.values();
  }

  Collection<RunBuffer> of(String runId) {
    RunBuffer found = buffers.get(runId);
    return found == null ? List.of() : List.of(found);
  }

  /** Lets a call log to a run: tells it what was refused before, or lets it wait for room. */
  void admit(RunBuffer buffer) {
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

  synchronized boolean isDone(RunBuffer buffer) {
    return buffer.last <= lastAnswered && buffer.refusals.isEmpty();
  }

  // For the uploader.

  /** Adds a sign of life of each open run of which nothing was sent lately. */
  synchronized void giveSigns() {
    long now = System.nanoTime();
    for (RunBuffer buffer : living) {
      // During an outage none is added to what waits.
      if (unsent.isEmpty() && now - buffer.sent >= HEARTBEAT.toNanos()) {
        unsent.add(sign(buffer));
      }
    }
  }

  void letGoOfUnused() {
    long since = System.nanoTime() - KEPT.toNanos();
    buffers.values().removeIf(buffer -> buffer.retire(since));
  }

  synchronized boolean isEmpty() {
    return unsent.isEmpty() && sent.isEmpty();
  }

  /** Takes note that waiting cannot help, so that calls that wait fail by this; null if it can. */
  synchronized void trouble(TrackingException error) {
    trouble = error;
    notifyAll();
  }

  // For the stream.

  /** Begins a stream, on which nothing is sent yet; the one before may send no more. */
  synchronized void begin(Object stream) {
    this.stream = stream;
    streamAnswered = 0;
    sentBytes = 0;
    while (!sent.isEmpty()) {
      unsent.addFirst(sent.removeLast());
    }
  }

  /** Returns the next request for a stream; null if there is none, or it has to wait. */
  synchronized LogBatchRequest next(Object stream) {
    if (stream != this.stream || unsent.isEmpty() || sentBytes >= WINDOW_BYTES) {
      return null;
    }
    Batch batch = unsent.remove();
    sent.add(batch);
    sentBytes += batch.bytes;
    return batch.request;
  }

  /** Takes note that requests of a stream are answered, the last of them maybe by a refusal. */
  synchronized void answer(Object stream, long answered, TrackingException refusal) {
    if (stream != this.stream) {
      return;
    }
    if (answered <= streamAnswered || answered - streamAnswered > sent.size()) {
      throw new IllegalStateException(
          "the server answered "
              + answered
              + " requests of a stream, of which "
              + (streamAnswered + sent.size())
              + " were sent");
    }
    Batch batch = null;
    for (; streamAnswered < answered; streamAnswered++) {
      batch = sent.remove();
      sentBytes -= batch.bytes;
      bytes -= batch.bytes;
      lastAnswered = Math.max(lastAnswered, batch.number);
    }
    if (bytes < LIMIT_BYTES * 3 / 4) {
      full = false;
    }
    if (refusal != null && !batch.isSign()) {
      batch.buffer.refusals.add(refusal);
      batch.buffer.refused = true;
    }
    notifyAll();
  }

  private synchronized void waitForRoom() {
    while (full) {
      checkOpen();
      if (trouble != null) {
        throw trouble.again();
      }
      await(Long.MAX_VALUE);
    }
  }

  private synchronized long answered() {
    return lastAnswered;
  }

  private Batch sign(RunBuffer buffer) {
    LogBatchRequest request = LogBatchRequest.newBuilder().setRunId(buffer.runId).build();
    Batch batch = new Batch(buffer, request);
    batch.number = last; // nobody waits for its answer
    bytes += batch.bytes;
    buffer.sent = System.nanoTime();
    return batch;
  }

  private TrackingException late(Duration timeout) {
    int batches = unsent.size() + sent.size();
    return new TrackingException(
        io.grpc.Status.Code.DEADLINE_EXCEEDED,
        batches + " batches, " + bytes + " bytes, have no answer after " + timeout,
        "",
        Map.of("batches", String.valueOf(batches), "bytes", String.valueOf(bytes)));
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

  private void await(long nanos) {
    try {
      TimeUnit.NANOSECONDS.timedWait(this, Math.max(nanos, 1_000_000));
    } catch (InterruptedException interrupt) {
      Thread.currentThread().interrupt();
      throw TrackingException.interrupted();
    }
  }
}
