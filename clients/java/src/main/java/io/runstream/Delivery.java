package io.runstream;

import io.runstream.v1.LogBatchRequest;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/**
 * What is on the stream: batches of the queue, in their order, and heartbeats, which have a lane of
 * their own. Its monitor covers it; who has it may take the queue's.
 */
final class Delivery {
  /** Bytes on the stream without an answer after which no more is sent. */
  private static final long WINDOW_BYTES = 8L * 1024 * 1024;

  private final BatchQueue queue;
  private final Set<String> heartbeats = new LinkedHashSet<>(); // the runs, not sent yet
  private final Deque<LogBatchRequest> starts = new ArrayDeque<>(); // of other processes
  private final Deque<Batch> sent = new ArrayDeque<>(); // a heartbeat has no number
  private long sentBytes;
  private long next = 1; // number of the next batch to send
  private long lastAnswered;
  private Object stream; // the stream that sends
  private long streamAnswered;

  Delivery(BatchQueue queue) {
    this.queue = queue;
  }

  /** Adds a heartbeat of a run. No call waits for its answer, and none is sent a second time. */
  synchronized void addHeartbeat(String runId) {
    heartbeats.add(runId);
  }

  synchronized boolean isIdle() {
    return heartbeats.isEmpty() && starts.isEmpty() && sent.isEmpty();
  }

  /** Begins a stream, on which nothing is sent yet; the stream before it sends nothing any more. */
  synchronized void begin(Object beginning) {
    stream = beginning;
    streamAnswered = 0;
    sentBytes = 0;
    sent.stream()
        .filter(batch -> batch.isHeartbeat() && batch.request.hasStart())
        .forEach(batch -> starts.add(batch.request)); // it is sent again, before all else
    sent.clear();
    heartbeats.clear();
    next = lastAnswered + 1;
  }

  /** Returns the next request for a stream; null if there is none, or the window is full. */
  synchronized LogBatchRequest next(Object asking) {
    if (asking != stream || sentBytes >= WINDOW_BYTES) {
      return null;
    }
    Batch batch;
    if (!starts.isEmpty()) {
      batch = new Batch(starts.remove());
    } else if (!heartbeats.isEmpty()) {
      String runId = heartbeats.iterator().next();
      heartbeats.remove(runId);
      batch = new Batch(LogBatchRequest.newBuilder().setRunId(runId).build());
    } else {
      batch = queue.peek(next);
      if (batch == null) {
        return null;
      }
      next++;
    }
    sent.add(batch);
    sentBytes += batch.bytes;
    return batch.request;
  }

  /**
   * Drops the requests that are answered.
   *
   * @param answering the stream
   * @param answered how many of its requests are answered
   * @return their batches, in which heartbeats have the number 0; none if another stream sends by
   *     now
   * @throws IllegalStateException if so many were not sent
   */
  synchronized List<Batch> answer(Object answering, long answered) {
    List<Batch> batches = new ArrayList<>();
    if (answering != stream) {
      return batches;
    }
    if (answered <= streamAnswered || answered - streamAnswered > sent.size()) {
      throw new IllegalStateException(
          "the server answered "
              + answered
              + " requests of a stream, of which "
              + (streamAnswered + sent.size())
              + " were sent");
    }
    for (; streamAnswered < answered; streamAnswered++) {
      Batch batch = sent.remove();
      sentBytes -= batch.bytes;
      lastAnswered = Math.max(lastAnswered, batch.number);
      batches.add(batch);
    }
    queue.acknowledge(lastAnswered);
    return batches;
  }

  /**
   * Returns the batch of the last of the requests that are answered; null if it was a heartbeat, or
   * another stream sends by now.
   */
  synchronized Batch findLast(Object answering, long answered) {
    if (answering != stream || answered <= streamAnswered) {
      return null;
    }
    return sent.stream()
        .skip(answered - streamAnswered - 1)
        .findFirst()
        .filter(batch -> !batch.isHeartbeat())
        .orElse(null);
  }

  /** Adds the start of a run that another process has written, which goes before all else. */
  synchronized void addStart(LogBatchRequest start) {
    starts.add(start);
  }

  /**
   * Ends a stream before the last of the requests that are answered, which is sent again by the
   * next one.
   *
   * @return the batches of the requests before it, which are answered
   */
  synchronized List<Batch> endBefore(Object answering, long answered) {
    List<Batch> batches =
        answered - 1 > streamAnswered ? answer(answering, answered - 1) : List.of();
    stream = null;
    return batches;
  }

  /** Drops all batches up to a number, which nobody wants to be sent any more. */
  synchronized void skip(long number) {
    stream = null;
    lastAnswered = Math.max(lastAnswered, number);
    queue.acknowledge(lastAnswered);
  }
}
