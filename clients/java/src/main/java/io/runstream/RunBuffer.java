package io.runstream;

import io.grpc.Status;
import io.runstream.v1.LogBatchRequest;
import io.runstream.v1.MetricTable;
import io.runstream.v1.Param;
import io.runstream.v1.RunInfo;
import io.runstream.v1.RunTag;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The buffer of one run: checks what is logged and queues it for the uploader. Any thread may log.
 *
 * <p>Its monitor covers the series. A thread that holds it may take the outbox's, never the other
 * way round.
 */
final class RunBuffer {
  /** Size at which a batch is full (M7). */
  static final int BATCH_BYTES = 1024 * 1024;

  // What a point takes on the wire: 8 bytes of value, 6 of timestamp, 1 to 3 each of step and key.
  private static final int POINT_BYTES = 24;
  // Points after which the thread that logs makes the batches, because the uploader is behind.
  private static final int DRAIN_POINTS = 50_000;

  final String runId;
  private final Outbox outbox;
  private final Map<String, Series> series = new HashMap<>();
  // The params that were sent and not refused. A refusal removes some without the monitor.
  private final Map<String, String> params = new ConcurrentHashMap<>();
  private int points;
  private int holders;
  private boolean isRetired;
  private long lastUsedNanos = System.nanoTime();

  // Covered by the outbox's monitor.
  /** Number of the last batch that was put into the outbox. */
  long lastBatch;

  /** When the last batch or heartbeat was put into the outbox. */
  long lastSentNanos;

  /** What the run is, as the server told it last; null, if it did not yet. */
  volatile RunInfo info;

  RunBuffer(String runId, Outbox outbox) {
    this.runId = runId;
    this.outbox = outbox;
  }

  // The methods that log return false if the buffer is retired: then there is a new metric. They
  // throw IllegalStateException once the client is closed.

  /** Queues a point with the time of now. */
  boolean logMetric(String key, double value, long step) {
    outbox.admit(this);
    int queuedPoints;
    synchronized (this) {
      if (isRetiredOrClosed()) {
        return false;
      }
      getOrCreateSeries(key).add(step, value);
      queuedPoints = ++points;
    }
    afterLog(queuedPoints);
    return true;
  }

  /** Queues a point. */
  boolean logMetric(String key, double value, long timestamp, long step) {
    Rules.checkTimestamp("timestamp", timestamp);
    outbox.admit(this);
    int queuedPoints;
    synchronized (this) {
      if (isRetiredOrClosed()) {
        return false;
      }
      getOrCreateSeries(key).add(step, timestamp, value);
      queuedPoints = ++points;
    }
    afterLog(queuedPoints);
    return true;
  }

  /** Queues a point of now of each of several metrics, all of them or none. */
  boolean logMetrics(Map<String, ? extends Number> metrics, long step) {
    Map<String, Double> values = new LinkedHashMap<>();
    metrics.forEach(
        (key, value) -> {
          Rules.checkKey("key", key);
          Rules.checkPresent("metrics." + key, value);
          values.put(key, value.doubleValue());
        });
    outbox.admit(this);
    int queuedPoints;
    synchronized (this) {
      if (isRetiredOrClosed()) {
        return false;
      }
      values.forEach((key, value) -> getOrCreateSeries(key).add(step, value));
      points += values.size();
      queuedPoints = points;
    }
    afterLog(queuedPoints);
    return true;
  }

  /** Queues params as batches of their own, so that a refusal takes no points with it (P1, P5). */
  boolean logParams(Map<String, String> pairs) {
    Map<String, String> checked = checkPairs("params", pairs);
    outbox.admit(this);
    synchronized (this) {
      if (isRetiredOrClosed()) {
        return false;
      }
      checked.forEach(this::checkParam);
      params.putAll(checked); // before they are sent, so that no refusal comes earlier
      ParamAndTagPacker packer = new ParamAndTagPacker(this, outbox);
      checked.forEach(
          (key, value) -> {
            Param param = Param.newBuilder().setKey(key).setValue(value).build();
            packer.requestWithRoomFor(param).addParams(param);
          });
      packer.put();
    }
    return true;
  }

  /** Queues tags as batches of their own (P3). */
  boolean setTags(Map<String, String> pairs) {
    Map<String, String> checked = checkPairs("tags", pairs);
    outbox.admit(this);
    synchronized (this) {
      if (isRetiredOrClosed()) {
        return false;
      }
      ParamAndTagPacker packer = new ParamAndTagPacker(this, outbox);
      checked.forEach(
          (key, value) -> {
            RunTag tag = RunTag.newBuilder().setKey(key).setValue(value).build();
            packer.requestWithRoomFor(tag).addTags(tag);
          });
      packer.put();
    }
    return true;
  }

  /**
   * Queues a batch of its own, behind all that was logged before.
   *
   * @param change what it says, without the run and the id of the write
   * @param reply gets its answer; null if nobody waits for that
   * @return the batch; null if the buffer is retired
   */
  Batch put(LogBatchRequest.Builder change, Reply reply) {
    synchronized (this) {
      if (isRetiredOrClosed()) {
        return null;
      }
      drain();
      LogBatchRequest request = change.setRunId(runId).setWrite(outbox.nextWrite()).build();
      Batch batch = new Batch(request);
      outbox.put(batch, this, reply);
      return batch;
    }
  }

  /** Takes the answer to a request of the run; the caller has the outbox's monitor. */
  void onAnswer(LogBatchRequest request, RunInfo told, TrackingException refusal) {
    if (told != null) {
      info = told;
    }
    if (refusal != null) {
      // The params may have another value on the server, or none.
      request.getParamsList().forEach(param -> params.remove(param.getKey(), param.getValue()));
    }
  }

  /** Makes batches of the points that wait here. */
  synchronized void drain() {
    if (points == 0) {
      return;
    }
    lastUsedNanos = System.nanoTime();
    MetricTable.Builder table = MetricTable.newBuilder();
    int size = 0;
    for (Series metric : series.values()) {
      for (int first = 0; first < metric.size(); ) {
        int room = Math.max(1, (BATCH_BYTES - size) / POINT_BYTES);
        int rows = metric.copyTo(table, first, room);
        first += rows;
        size += rows * POINT_BYTES + metric.keyBytes();
        if (size + POINT_BYTES > BATCH_BYTES) {
          put(table);
          table.clear();
          size = 0;
        }
      }
      metric.clear();
    }
    if (size > 0) {
      put(table);
    }
    points = 0;
  }

  /** Keeps the buffer until as many releases; returns false if it is retired already. */
  synchronized boolean hold() {
    if (!isRetired) {
      holders++;
    }
    return !isRetired;
  }

  synchronized void release() {
    holders--;
  }

  /** Retires the buffer if it is empty and was not used since a time; returns whether it did. */
  synchronized boolean retire(long since) {
    isRetired =
        points == 0 && holders == 0 && lastUsedNanos - since < 0 && outbox.unanswered.isDone(this);
    return isRetired;
  }

  // Called with the monitor: what is logged before a close is in the buffer when the close drains
  // it.
  private boolean isRetiredOrClosed() {
    outbox.checkOpen();
    return isRetired;
  }

  private void afterLog(int queuedPoints) {
    if (queuedPoints >= DRAIN_POINTS) {
      drain();
    } else {
      outbox.schedulePacking();
    }
  }

  private void put(MetricTable.Builder table) {
    outbox.put(
        new Batch(LogBatchRequest.newBuilder().setRunId(runId).setMetrics(table).build()),
        this,
        null);
  }

  private Series getOrCreateSeries(String key) {
    Series found = series.get(key);
    if (found == null) {
      Rules.checkKey("key", key);
      found = new Series(key);
      series.put(key, found);
    }
    return found;
  }

  private void checkParam(String key, String value) {
    String old = params.getOrDefault(key, value);
    if (!old.equals(value)) {
      throw new TrackingException(
          Status.Code.INVALID_ARGUMENT,
          "params."
              + key
              + " of run "
              + runId
              + " is already "
              + Rules.quote(old)
              + ", it cannot become "
              + Rules.quote(value),
          "PARAM_IMMUTABLE",
          Map.of(
              "run_id",
              runId,
              "field",
              "params." + key,
              "old",
              TrackingException.shorten(old),
              "new",
              TrackingException.shorten(value)));
    }
  }

  /** Checks pairs, and returns a copy of them that the caller cannot change any more. */
  private static Map<String, String> checkPairs(String field, Map<String, String> pairs) {
    Map<String, String> checked = new LinkedHashMap<>();
    pairs.forEach(
        (key, value) -> {
          Rules.checkKey("key", key);
          Rules.checkPresent(field + "." + key, value);
          Rules.checkText(field + "." + key, value);
          checked.put(key, value);
        });
    return checked;
  }
}
