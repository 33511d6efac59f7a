package io.runstream;

import com.google.protobuf.ByteString;
import io.grpc.Channel;
import io.grpc.Status;
import io.runstream.v1.LogBatchRequest;
import io.runstream.v1.LogBatchResponse;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashSet;
import java.util.Set;

/**
 * The delivery of the batches of a folder whose writer is gone, by the thread that has the right to
 * it: what is answered moves the cursor, and what is refused or damaged is kept for people.
 */
final class FolderDelivery {
  private static final long WINDOW_BYTES = 8L * 1024 * 1024;
  private static final Duration ANSWER_TIMEOUT = Duration.ofSeconds(60);
  // Between two looks at whether it is over.
  private static final long LOOK_NANOS = 100_000_000;

  private final SpoolFolder folder;
  private final Channel channel;
  private final WaitingStarts waitingStarts;
  private final Pace pace;
  private final Cursor cursor;
  private final SetAside setAside;
  private final Set<String> soughtRuns = new HashSet<>(); // refused once, as nobody knows them
  private LogBatchRequest missingStart; // to be sent before all else; null if there is none
  private boolean isOneByOne;
  private long batches;
  private long points;
  // Of the stream that sends.
  private final Deque<FolderBatch> unanswered = new ArrayDeque<>();
  private long unansweredBytes;
  private long answered;
  private long lastAnswerNanos;

  /**
   * Sends nothing yet.
   *
   * @param folder whose delivery is this process's
   * @param waitingStarts of the other folders
   */
  FolderDelivery(SpoolFolder folder, Channel channel, WaitingStarts waitingStarts, Pace pace)
      throws IOException {
    this.folder = folder;
    this.channel = channel;
    this.waitingStarts = waitingStarts;
    this.pace = pace;
    cursor = new Cursor(folder.batches());
    setAside = new SetAside(folder, folder.batches(), "batch", "batches");
  }

  /**
   * Sends what is there until all of it is answered, or it is over.
   *
   * @return whether all of it is answered
   * @throws TrackingException if the server does not take it
   * @throws IOException if a file cannot be read or written
   */
  boolean deliver() throws IOException {
    try {
      boolean isDone = LogFiles.countBytes(folder.batches(), cursor.place()) == 0;
      while (!isDone && !pace.isOver()) {
        isDone = runStream();
      }
      return isDone;
    } finally {
      cursor.close();
      setAside.warnOfRefused();
    }
  }

  /** Returns whether nothing was delivered. */
  boolean isEmpty() {
    return batches == 0;
  }

  /** Returns what was delivered, for people. */
  @Override
  public String toString() {
    return batches
        + (batches == 1 ? " batch, " : " batches, ")
        + points
        + (points == 1 ? " point" : " points");
  }

  /** Sends over one stream; returns whether all is answered, and not another one has to go on. */
  private boolean runStream() throws IOException {
    unanswered.clear();
    unansweredBytes = 0;
    answered = 0;
    try (LogReader reader = new LogReader(folder.batches(), cursor.place(), setAside);
        DeliveryStream stream = new DeliveryStream(channel)) {
      boolean isWhole = send(stream, reader);
      if (isWhole) {
        cursor.move(reader.place());
      }
      return isWhole;
    } catch (TrackingException error) {
      if (!goesOnAfter(error)) {
        throw error;
      }
      return false;
    }
  }

  private boolean send(DeliveryStream stream, LogReader reader) throws IOException {
    FolderBatch next = takeMissingStart();
    next = next == null ? read(reader) : next;
    while (!pace.isOver()) {
      for (LogBatchResponse answer; (answer = stream.poll()) != null; ) {
        if (!take(answer)) {
          return false;
        }
      }
      if (next == null && unanswered.isEmpty()) {
        return true;
      }
      long pause = LOOK_NANOS;
      if (next != null && next.problem() != null) {
        if (unanswered.isEmpty()) { // the cursor passes over one after the other
          refuse(next, next.problem());
          next = read(reader);
          continue;
        }
      } else if (next != null && stream.isReady() && hasRoom(next)) {
        pause = pace.nanosUntil(next.payload.length);
        if (pause == 0) {
          send(stream, next);
          next = read(reader);
          continue;
        }
      }
      checkSilence();
      stream.await(Math.min(pause, LOOK_NANOS));
    }
    return false;
  }

  private FolderBatch takeMissingStart() {
    LogBatchRequest start = missingStart;
    missingStart = null;
    return start == null ? null : FolderBatch.ofOtherFolder(start);
  }

  private static FolderBatch read(LogReader reader) throws IOException {
    byte[] payload = reader.next(false);
    return payload == null ? null : FolderBatch.parse(payload, reader.place());
  }

  private boolean hasRoom(FolderBatch next) {
    return unanswered.isEmpty()
        || !isOneByOne && unansweredBytes + next.payload.length <= WINDOW_BYTES;
  }

  private void send(DeliveryStream stream, FolderBatch item) {
    if (unanswered.isEmpty()) {
      lastAnswerNanos = System.nanoTime(); // from now on one is due
    }
    unanswered.add(item);
    unansweredBytes += item.payload.length;
    stream.send(item.request);
  }

  private void checkSilence() {
    if (!unanswered.isEmpty() && System.nanoTime() - lastAnswerNanos > ANSWER_TIMEOUT.toNanos()) {
      throw TrackingException.deadlineExceeded(
          "no answer came within " + Calls.seconds(ANSWER_TIMEOUT), null);
    }
  }

  /** Takes an answer; returns whether the stream goes on, and no start has to be sent before. */
  private boolean take(LogBatchResponse answer) throws IOException {
    long count = answer.getAnswered() - answered;
    if (count <= 0 || count > unanswered.size()) {
      throw TrackingException.malformed(
          "the server answered " + answer.getAnswered() + " requests of a stream");
    }
    answered = answer.getAnswered();
    lastAnswerNanos = System.nanoTime();
    Place place = null;
    boolean goesOn = true;
    for (; count > 0 && goesOn; count--) {
      FolderBatch item = unanswered.remove();
      unansweredBytes -= item.payload.length;
      if (count == 1 && answer.hasError()) {
        goesOn = takeRefusal(item, TrackingException.of(answer.getError()));
      } else if (item.end != null) {
        batches++;
        points += item.request.getMetrics().getValueCount();
      }
      place = goesOn && item.end != null ? item.end : place;
    }
    if (place != null) {
      cursor.move(place);
    }
    return goesOn;
  }

  private boolean takeRefusal(FolderBatch item, TrackingException error) throws IOException {
    if (item.end == null) {
      return true; // what follows it is refused then
    }
    String runId = item.request.getRunId();
    if (error.reason().equals("RUN_NOT_FOUND") && soughtRuns.add(runId)) {
      missingStart = waitingStarts.find(runId, folder.path);
      return false; // without a start, too: its process may have sent it meanwhile
    }
    keep(item, error);
    return true;
  }

  private void refuse(FolderBatch item, TrackingException error) throws IOException {
    keep(item, error);
    cursor.move(item.end);
  }

  private void keep(FolderBatch item, TrackingException error) throws IOException {
    ByteString batch = ByteString.copyFrom(item.payload);
    setAside.refuse(error, KeptRefusals.toMessage(error).setBatch(batch));
  }

  /** Returns whether another stream can do better than one that an error has ended. */
  private boolean goesOnAfter(TrackingException error) throws IOException {
    if (error.reason().equals(FolderBatch.MALFORMED) && !unanswered.isEmpty()) {
      // The error does not say which batch it is about: they are sent again, one by one.
      isOneByOne = unanswered.size() > 1;
      FolderBatch item = unanswered.remove();
      if (!isOneByOne && item.end != null) {
        refuse(item, error);
      }
      return true;
    }
    return error.code() == Status.Code.UNAVAILABLE && answered > 0;
  }
}
