package io.runstream;

import io.runstream.v1.LogBatchRequest;
import java.util.ArrayDeque;
import java.util.Collection;
import java.util.Deque;
import java.util.List;

/**
 * The batches without an answer, in the order of sending: those on the stream, then those that wait
 * for it. Covered by the monitor of its outbox.
 */
final class BatchQueue {
  /** Bytes on the stream without an answer after which no more is sent. */
  private static final long WINDOW_BYTES = 8L * 1024 * 1024;

  private final Deque<Batch> unsent = new ArrayDeque<>();
  private final Deque<Batch> sent = new ArrayDeque<>();
  private long bytes;
  private long sentBytes;
  private long lastNumber;
  private long lastAnswered;
  private Object stream; // the stream that sends
  private long streamAnswered;

  /** Adds a batch at the end and gives it its number. */
  void add(Batch batch) {
    batch.number = ++lastNumber;
    batch.buffer.lastBatch = lastNumber;
    append(batch);
  }

  /** Adds a heartbeat of a run. No call waits for its answer. */
  void addHeartbeat(RunBuffer buffer) {
    Batch heartbeat =
        new Batch(buffer, LogBatchRequest.newBuilder().setRunId(buffer.runId).build());
    heartbeat.number = lastNumber;
    append(heartbeat);
  }

  /** Returns how much all batches take. */
  long bytes() {
    return bytes;
  }

  boolean isEmpty() {
    return unsent.isEmpty() && sent.isEmpty();
  }

  boolean isAllSent() {
    return unsent.isEmpty();
  }

  /** Returns whether the batch of a number, and all before it, are answered. */
  boolean isAnswered(long number) {
    return number <= lastAnswered;
  }

  /** Returns how much of what was logged to some runs has no answer yet. */
  Backlog backlog(Collection<RunBuffer> runs) {
    Backlog backlog = new Backlog();
    for (Deque<Batch> batches : List.of(sent, unsent)) {
      batches.stream()
          .filter(batch -> !batch.isHeartbeat() && runs.contains(batch.buffer))
          .forEach(backlog::add);
    }
    return backlog;
  }

  /** Begins a stream, on which nothing is sent yet; the stream before it sends nothing any more. */
  void beginStream(Object next) {
    stream = next;
    streamAnswered = 0;
    sentBytes = 0;
    while (!sent.isEmpty()) {
      unsent.addFirst(sent.removeLast());
    }
  }

  /** Returns the next batch for a stream; null if there is none, or the window is full. */
  Batch next(Object asking) {
    if (asking != stream || unsent.isEmpty() || sentBytes >= WINDOW_BYTES) {
      return null;
    }
    Batch batch = unsent.remove();
    sent.add(batch);
    sentBytes += batch.bytes;
    return batch;
  }

  /**
   * Drops the batches that are answered.
   *
   * @param answering the stream
   * @param answered how many of its requests are answered
   * @return the last of them; null if another stream sends by now
   * @throws IllegalStateException if so many were not sent
   */
  Batch answer(Object answering, long answered) {
    if (answering != stream) {
      return null;
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
    return batch;
  }

  private void append(Batch batch) {
    batch.buffer.lastSentNanos = System.nanoTime();
    unsent.add(batch);
    bytes += batch.bytes;
  }
}
