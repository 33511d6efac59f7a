package io.runstream;

import io.grpc.Deadline;
import io.runstream.v1.LogBatchRequest;
import io.runstream.v1.RunInfo;
import io.runstream.v1.WriteId;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Deque;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/**
 * What was logged and is not answered yet: the batches of a client, in the order of sending.
 *
 * <pre>
 * RunBuffer ──put──&gt; Outbox ──store──&gt; BatchQueue ──next──&gt; LogStream
 * (points, per run)  (collected)      (disk, or memory) &lt;──answer──┘
 * </pre>
 *
 * <p>Batches that are in memory alone may take 64 MiB. When they do, which takes a disk that fails
 * or is full, calls that log wait until a quarter is free again, at most ten minutes. Its monitor
 * covers what was collected and who waits for answers; nobody waits for the network or the disk
 * with it, and an interrupt finds a thread either before a change or after it.
 */
final class Outbox {

  // Runs whose start is looked for.
  private static final int MAX_UNKNOWN_RUNS = 10_000;

  final Buffers buffers = new Buffers(this);
  final Refusals refusals = new Refusals();
  final Unanswered unanswered = new Unanswered(buffers, refusals, this::place);
  final KeptRefusals keptRefusals;
  private final Set<String> unknownRuns = ConcurrentHashMap.newKeySet(); // refused once
  private final BatchQueue queue;
  private final Delivery delivery;
  private final boolean isOffline;
  private final Runnable onLogged;
  private final Runnable onPut;
  private final String writer = Requests.newId();
  private final Heartbeats heartbeats = new Heartbeats();
  private final MemoryRoom room = new MemoryRoom(this::backlog);
  private final AtomicLong writes = new AtomicLong();
  // The following are covered by the monitor.
  private final Deque<Batch> collected = new ArrayDeque<>();
  private final Deque<Batch> unwritten = new ArrayDeque<>(); // only if nothing is sent
  private long collectedBytes;
  private volatile boolean isClosed;

  /**
   * Makes an empty outbox.
   *
   * @param queue where batches wait
   * @param isOffline whether nothing is sent, so that what is on disk is done
   * @param onLogged called when points wait in a buffer; does not wait
   * @param onPut called when a batch waits here; does not wait
   */
  Outbox(BatchQueue queue, boolean isOffline, Runnable onLogged, Runnable onPut) {
    this.queue = queue;
    this.isOffline = isOffline;
    this.onLogged = onLogged;
    this.onPut = onPut;
    keptRefusals = new KeptRefusals(queue);
    delivery = new Delivery(queue);
  }

  // For threads that log.

  /** Returns a buffer that is kept and sends heartbeats, until {@link #release}. */
  RunBuffer hold(String runId) {
    RunBuffer held = buffers.hold(runId);
    heartbeats.add(held);
    return held;
  }

  void release(RunBuffer held) {
    heartbeats.remove(held);
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

  /**
   * Puts a batch behind all others.
   *
   * @param buffer of its run
   * @param reply gets its answer; null if nobody waits for that
   */
  void put(Batch batch, RunBuffer buffer, Reply reply) {
    synchronized (this) {
      unanswered.add(batch, buffer, reply);
      collected.add(batch);
      collectedBytes += batch.bytes;
      room.update(memoryBytes());
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
    unanswered.await(runs, deadline, timeout);
  }

  /**
   * Waits until all that was logged is answered, as {@link #flush} does, or until there was no
   * answer for a while.
   */
  void flushAtEnd(Deadline deadline, Duration patience) {
    flush(buffers.all(), deadline, patience);
  }

  /** Checks that a call may log to a run: throws what was refused before, or waits for room. */
  void admit(RunBuffer buffer) {
    unanswered.checkUploader();
    if (room.isFull()) {
      room.await(this::checkWaiting);
    }
    refusals.throwOf(buffer.runId);
  }

  void checkOpen() {
    if (isClosed) {
      throw new IllegalStateException("the client is closed");
    }
  }

  /** Refuses whatever is logged from now on; what was logged before can still be flushed. */
  void close() {
    isClosed = true;
    room.wake();
  }

  /** Checks that waiting for room is of use. */
  private void checkWaiting() {
    checkOpen();
    unanswered.checkWaiting();
  }

  /** Returns how much has no answer and is in memory alone. */
  synchronized Backlog unwrittenBacklog() {
    Backlog counts = new Backlog();
    queue.unwritten().forEach(counts::add);
    collected.forEach(counts::add);
    return counts;
  }

  /** Returns how much has no answer and is on disk. */
  Backlog writtenBacklog() {
    return backlog().minus(unwrittenBacklog());
  }

  /** Returns whether all that has no answer is on disk. */
  synchronized boolean isStored() {
    return collected.isEmpty() && queue.lastOnDisk() >= unanswered.lastNumber();
  }

  /** Returns where on disk is what has no answer; null if it is in memory alone. */
  Path place() {
    return queue.place();
  }

  /**
   * Takes a batch back, if nothing else has no answer, so that it is never sent.
   *
   * @return whether it was taken back
   */
  boolean takeBack(Batch batch) {
    synchronized (this) {
      if (isOffline || !unanswered.isOnly(batch)) {
        return false;
      }
      if (collected.remove(batch)) {
        collectedBytes -= batch.bytes;
      }
    }
    delivery.skip(batch.number);
    unanswered.settle(List.of(batch), List.of(), null);
    return true;
  }

  boolean isOffline() {
    return isOffline;
  }

  // For the uploader.

  /** Moves what was collected into the queue: to the disk, if it has one. */
  void store() {
    List<Batch> batches;
    synchronized (this) {
      batches = new ArrayList<>(collected);
      collected.clear();
      collectedBytes = 0;
      if (isOffline) {
        unwritten.addAll(batches);
      }
    }
    queue.append(batches);
    queue.maintain();
    updateRoom();
    if (isOffline) {
      settleWritten();
    }
  }

  /** Notes what is to be sent by somebody else later as answered, once it is on disk. */
  private void settleWritten() {
    List<Batch> written = new ArrayList<>();
    synchronized (this) {
      while (!unwritten.isEmpty() && unwritten.peek().number <= queue.lastOnDisk()) {
        written.add(unwritten.remove());
      }
    }
    unanswered.settle(written, List.of(), null);
  }

  /** Adds a heartbeat of each open run for which nothing was sent lately. */
  void addHeartbeats() {
    // During an outage none is added to what waits.
    if (unanswered.outage().isEmpty() && !isOffline) {
      heartbeats.findDue().forEach(delivery::addHeartbeat);
    }
  }

  boolean isEmpty() {
    return unanswered.isEmpty() && delivery.isIdle();
  }

  /** Ends the queue; what is on disk and has no answer stays there. */
  void closeQueue() {
    queue.close();
  }

  // For the stream.

  /** Begins a stream, on which nothing is sent yet; the stream before it sends nothing any more. */
  void beginStream(Object stream) {
    delivery.begin(stream);
  }

  /** Returns the next request for a stream; null if there is none, or the window is full. */
  LogBatchRequest next(Object stream) {
    return delivery.next(stream);
  }

  /**
   * Returns the run whose start has to be sent before the last of the requests that are answered,
   * which is the first one of the run that is refused because the server does not know it; null if
   * there is none. That request and all behind it wait for the next stream then; what is in front
   * of it is answered.
   */
  String endBeforeUnknownRun(
      Object stream, long answered, List<RunInfo> infos, TrackingException refusal) {
    Batch refused = delivery.findLast(stream, answered);
    if (!refusal.reason().equals("RUN_NOT_FOUND")
        || refused == null
        || unknownRuns.size() >= MAX_UNKNOWN_RUNS
        || !unknownRuns.add(refused.runId())) {
      return null;
    }
    unanswered.settle(delivery.endBefore(stream, answered), infos, null);
    return refused.runId();
  }

  /** Returns the start of a run that waits in the folder of another process; null if none does. */
  LogBatchRequest findStart(String runId) {
    return queue.findStart(runId);
  }

  /** Lets the start of a run be sent first, if it waits in the folder of another process. */
  void addStartOf(String runId) {
    LogBatchRequest start = findStart(runId);
    if (start != null) {
      delivery.addStart(start);
    }
  }

  /**
   * Removes the requests of a stream that are answered; the last one may have been refused.
   *
   * @param infos of the runs that were started or changed, but for one that was refused
   */
  void answer(Object stream, long answered, List<RunInfo> infos, TrackingException refusal) {
    Batch refused = refusal == null ? null : delivery.findLast(stream, answered);
    if (refused != null && !unanswered.isAwaited(refused)) {
      keptRefusals.keep(refused, refusal); // before the cursor moves behind it
    }
    unanswered.settle(delivery.answer(stream, answered), infos, refusal);
    updateRoom();
    if (queue.needsMaintenance()) {
      onPut.run();
    } else {
      onLogged.run(); // the cursor is written with the next tick
    }
  }

  private Backlog backlog() {
    return unanswered.backlog(buffers.all());
  }

  private synchronized void updateRoom() {
    room.update(memoryBytes());
  }

  private long memoryBytes() {
    return collectedBytes + queue.size();
  }
}
