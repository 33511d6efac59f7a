package io.runstream;

import io.grpc.Status;
import java.time.Duration;
import java.util.Map;
import java.util.TreeMap;

/** Counts what was logged and has no answer yet, run by run. */
final class Backlog {
  /** Reason of the error of a wait that ended before all was answered. */
  static final String FLUSH_TIMEOUT = "FLUSH_TIMEOUT";

  private final Map<String, Counts> byRun = new TreeMap<>();
  private long bytes;

  void add(Batch batch) {
    Counts counts = byRun.computeIfAbsent(batch.buffer.runId, id -> new Counts());
    counts.points += batch.points();
    counts.paramsAndTags += batch.paramsAndTags();
    bytes += batch.bytes;
  }

  /** Returns the error of a wait that ended before all was answered; the rest is still sent. */
  TrackingException timeoutError(Duration timeout) {
    String ofRun = byRun.size() == 1 ? " of run " + byRun.keySet().iterator().next() : "";
    return error(
        FLUSH_TIMEOUT,
        "no answer within "
            + Calls.seconds(timeout)
            + " for "
            + sum()
            + ofRun
            + "; they stay queued");
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
            "bytes", String.valueOf(bytes)));
  }

  private Counts sum() {
    Counts sum = new Counts();
    for (Counts counts : byRun.values()) {
      sum.points += counts.points;
      sum.paramsAndTags += counts.paramsAndTags;
    }
    return sum;
  }

  private static final class Counts {
    long points;
    long paramsAndTags;

    @Override
    public String toString() {
      return points + " points and " + paramsAndTags + " params and tags";
    }
  }
}
