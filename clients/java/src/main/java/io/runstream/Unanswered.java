package io.runstream;

import io.grpc.Deadline;
import io.runstream.v1.RunInfo;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import java.util.stream.Collectors;

/**
 * What has no answer yet, counted by run, and who waits for answers. Its monitor covers it; who has
 * it takes that of the refusals at most.
 */
final class Unanswered {
  private final Buffers buffers;
  private final Refusals refusals;
  private final Supplier<Path> place;
  private final Map<Long, Reply> replies = new HashMap<>();
  private final Backlog backlog = new Backlog();
  private long lastNumber;
  private long lastAnswered;
  private long lastAnswerNanos = System.nanoTime();
  private TrackingException sendError; // sending again cannot succeed
  private volatile TrackingException uploaderError; // the uploader itself failed
  private volatile String outage = ""; // why the stream is broken

  /**
   * Begins with nothing.
   *
   * @param place returns where on disk is what has no answer; null if it is in memory
   */
  Unanswered(Buffers buffers, Refusals refusals, Supplier<Path> place) {
    this.buffers = buffers;
    this.refusals = refusals;
    this.place = place;
  }

  /**
   * Adds a batch and gives it its number.
   *
   * @param buffer of its run
   * @param reply gets its answer; null if nobody waits for that
   */
  synchronized void add(Batch batch, RunBuffer buffer, Reply reply) {
    batch.number = ++lastNumber;
    buffer.lastBatch = lastNumber;
    buffer.lastSentNanos = System.nanoTime();
    backlog.add(batch);
    if (reply != null) {
      replies.put(batch.number, reply);
    }
  }

  /**
   * Waits until all that was logged to some runs is answered, and throws what was refused.
   *
   * @param deadline when to give up
   * @param patience how long to wait without any answer
   */
  synchronized void await(Collection<RunBuffer> runs, Deadline deadline, Duration patience) {
    long start = System.nanoTime();
    long target = runs.stream().mapToLong(buffer -> buffer.lastBatch).max().orElse(0);
    while (lastAnswered < target && permanentError() == null) {
      long quiet = System.nanoTime() - Math.max(start, lastAnswerNanos);
      long left =
          Math.min(deadline.timeRemaining(TimeUnit.NANOSECONDS), patience.toNanos() - quiet);
      if (left <= 0) {
        throw backlog(runs).timeoutError(patience, outage, place.get());
      }
      Interrupts.await(this, left);
    }
    refusals.throwOf(runs.stream().map(buffer -> buffer.runId).collect(Collectors.toList()));
    if (lastAnswered < target) {
      throw permanentError().copy();
    }
  }

  /**
   * Waits for an answer.
   *
   * @param nanos how long, at most
   * @return whether it is there
   * @throws TrackingException if waiting is no help
   */
  synchronized boolean await(Reply reply, long nanos) {
    if (!reply.isAnswered && permanentError() != null) {
      throw permanentError().copy();
    }
    if (!reply.isAnswered) {
      Interrupts.await(this, nanos);
    }
    return reply.isAnswered;
  }

  /** Returns whether a call waits for the answer to a batch, so that it throws a refusal itself. */
  synchronized boolean isAwaited(Batch batch) {
    return replies.containsKey(batch.number);
  }

  /** Lets nobody wait for an answer any more: a refusal is thrown by the next call for the run. */
  synchronized void abandon(Reply reply) {
    replies.values().remove(reply);
  }

  /** Returns whether nothing but this batch, the last one, has no answer. */
  synchronized boolean isOnly(Batch batch) {
    return lastNumber == batch.number && lastAnswered == batch.number - 1;
  }

  /**
   * Takes the answers to some batches, of which the last one may have been refused.
   *
   * @param infos of the runs that were started or changed, but for one that was refused
   */
  synchronized void settle(List<Batch> batches, List<RunInfo> infos, TrackingException refusal) {
    int nextInfo = 0;
    for (int i = 0; i < batches.size(); i++) {
      Batch batch = batches.get(i);
      boolean isRefused = refusal != null && i == batches.size() - 1;
      boolean hasInfo = batch.isAnsweredByRunInfo() && !isRefused && nextInfo < infos.size();
      RunInfo info = hasInfo ? infos.get(nextInfo++) : null;
      if (!batch.isHeartbeat()) {
        settle(batch, info, isRefused ? refusal : null);
      }
    }
    lastAnswerNanos = System.nanoTime();
    notifyAll();
  }

  synchronized boolean isDone(RunBuffer buffer) {
    return buffer.lastBatch <= lastAnswered && !refusals.has(buffer.runId);
  }

  synchronized boolean isEmpty() {
    return backlog.isEmpty();
  }

  /** Returns the number of the last batch. */
  synchronized long lastNumber() {
    return lastNumber;
  }

  /** Returns how much of what was logged to some runs has no answer yet. */
  synchronized Backlog backlog(Collection<RunBuffer> runs) {
    return backlog.copyOf(runs.stream().map(buffer -> buffer.runId).collect(Collectors.toSet()));
  }

  /** Returns why the stream is broken, for people; empty if it is not. */
  String outage() {
    return outage;
  }

  /** Sets why the stream is broken, so that starts do not wait; empty, if it works. */
  synchronized void setOutage(String reason) {
    outage = reason;
    notifyAll();
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

  void checkUploader() {
    if (uploaderError != null) {
      throw uploaderError.copy();
    }
  }

  /** Throws the error for which waiting cannot help, if there is one. */
  synchronized void checkWaiting() {
    if (permanentError() != null) {
      throw permanentError().copy();
    }
  }

  private void settle(Batch batch, RunInfo info, TrackingException refusal) {
    lastAnswered = Math.max(lastAnswered, batch.number);
    backlog.remove(batch);
    for (RunBuffer buffer : buffers.find(batch.runId())) {
      buffer.onAnswer(batch.request, info, refusal);
    }
    Reply reply = replies.remove(batch.number);
    if (reply != null) {
      reply.isAnswered = true;
      reply.info = info;
      reply.refusal = refusal;
    } else if (refusal != null) {
      refusals.add(batch.runId(), refusal);
    }
  }

  private TrackingException permanentError() {
    return uploaderError != null ? uploaderError : sendError;
  }
}
