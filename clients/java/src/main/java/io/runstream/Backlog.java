package io.runstream;

import io.grpc.Status;
import java.time.Duration;
import java.util.Map;
import java.util.TreeMap;

/** How much of what was logged has no answer yet, run by run. */
final class Backlog {
  /** Reason of the error of a wait that ended before all was answered. */
  static final String FLUSH_TIMEOUT = "FLUSH_TIMEOUT";

  private final Map<String, Counts> byRun = new TreeMap<>();
  private long bytes;

  void add(Batch batch) {
    Counts counts = byRun.computeIfAbsent(batch.buffer.runId, id -> new Counts());
    counts.points += batch.points();
    counts.settings += batch.settings();
    bytes += batch.bytes;
  }

  /** Returns the error of a wait that ended before all was answered; it is still sent. */
  TrackingException timeoutError(Duration timeout) {
    String of = byRun.size() == 1 ? " of run " + byRun.keySet().iterator().next() : "";
    return error(
        FLUSH_TIMEOUT,
        "no answer within " + Calls.seconds(timeout) + " for " + sum() + of + "; they stay queued");
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
            "settings", String.valueOf(sum.settings),
            "bytes", String.valueOf(bytes)));
  }

  private Counts sum() {
    Counts sum = new Counts();
    for (Counts counts : byRun.values()) {
      sum.points += counts.points;
      sum.settings += counts.settings;
    }
    return sum;
  }

  private static final class Counts {
    long points;
    long settings;

    @Override
    public String toString() {
      return points + " points and " + settings + " params and tags";
    }
  }
}
