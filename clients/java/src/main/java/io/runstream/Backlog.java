package io.runstream;

import io.grpc.Status;
import java.time.Duration;
import java.util.Collection;
import java.util.Map;
import java.util.TreeMap;

/** Counts what was logged and has no answer yet, run by run. */
final class Backlog {
  /** Reason of the error of a wait that ended before all was answered. */
  static final String FLUSH_TIMEOUT = "FLUSH_TIMEOUT";

  private final Map<String, Counts> byRun = new TreeMap<>();

  void add(Batch batch) {
    byRun.computeIfAbsent(batch.runId(), id -> new Counts()).add(batch, 1);
  }

  void remove(Batch batch) {
    Counts counts = byRun.get(batch.runId());
    if (counts != null) {
      counts.add(batch, -1);
      if (counts.batches == 0) {
        byRun.remove(batch.runId());
      }
    }
  }

  boolean isEmpty() {
    return byRun.isEmpty();
  }

  /** Returns a copy, of some runs. */
  Backlog copyOf(Collection<String> runIds) {
    Backlog copy = new Backlog();
    byRun.forEach(
        (run, counts) -> {
          if (runIds.contains(run)) {
            copy.byRun.computeIfAbsent(run, id -> new Counts()).add(counts);
          }
        });
    return copy;
  }

  /**
   * Returns the error of a wait that ended before all was answered; the rest is still sent.
   *
   * @param outage why the server cannot be reached; empty if it can
   */
  TrackingException timeoutError(Duration timeout, String outage) {
    String ofRun = byRun.size() == 1 ? " of run " + byRun.keySet().iterator().next() : "";
    return error(
        FLUSH_TIMEOUT,
        "no answer within "
            + Calls.seconds(timeout)
            + " for "
            + sum()
            + ofRun
            + "; they stay queued"
            + (outage.isEmpty() ? "" : ", and the server is away: " + outage));
  }

  /** Returns the error of a call that logs and waited for room. */
  TrackingException fullError(Duration timeout) {
    return error(
        "OUTBOX_FULL",
        "no room for "
            + Calls.seconds(timeout)
            + ", because "
            + sum()
            + " have no answer and fill the "
            + (Outbox.LIMIT_BYTES >> 20)
            + " MiB of the outbox; what this call logged is not queued");
  }

  /** Returns a line for each run of which something was not delivered to a server. */
  String report(String server) {
    StringBuilder report = new StringBuilder();
    byRun.forEach(
        (run, counts) ->
            report
                .append(counts)
                .append(" of run ")
                .append(run)
                .append(" were not delivered to ")
                .append(server)
                .append('\n'));
    return report.toString();
  }

  private TrackingException error(String reason, String message) {
    Counts sum = sum();
    return new TrackingException(
        Status.Code.DEADLINE_EXCEEDED,
        message,
        reason,
        Map.of(
            "points", String.valueOf(sum.points),
            "params_and_tags", String.valueOf(sum.paramsAndTags),
            "bytes", String.valueOf(sum.bytes)));
  }

  private Counts sum() {
    Counts sum = new Counts();
    byRun.values().forEach(sum::add);
    return sum;
  }

  private static final class Counts {
    long batches;
    long points;
    long paramsAndTags;
    long starts;
    long ends;
    long bytes;

    void add(Batch batch, int sign) {
      batches += sign;
      points += (long) sign * batch.points();
      paramsAndTags += (long) sign * batch.paramsAndTags();
      starts += batch.request.hasStart() ? sign : 0;
      ends += batch.isEnd() ? sign : 0;
      bytes += (long) sign * batch.bytes;
    }

    void add(Counts other) {
      batches += other.batches;
      points += other.points;
      paramsAndTags += other.paramsAndTags;
      starts += other.starts;
      ends += other.ends;
      bytes += other.bytes;
    }

    @Override
    public String toString() {
      return (starts > 0 ? "the start, " : "")
          + points
          + " points and "
          + paramsAndTags
          + " params and tags"
          + (ends > 0 ? " and the end" : "");
    }
  }
}
