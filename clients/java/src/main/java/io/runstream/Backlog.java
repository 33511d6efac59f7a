package io.runstream;

import io.grpc.Status;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
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

  /** Returns what is left of it without another, which is a part of it. */
  Backlog minus(Backlog part) {
    Backlog left = copyOf(byRun.keySet());
    part.byRun.forEach(
        (run, counts) -> left.byRun.computeIfPresent(run, (id, all) -> all.minus(counts)));
    return left;
  }

  /** Returns how much it is, by run. */
  Map<String, ?> counts() {
    return byRun;
  }

  /**
   * Returns the error of a wait that ended before all was answered; the rest is still sent.
   *
   * @param outage why the server cannot be reached; empty if it can
   * @param folder where it is kept on disk; null, if it is in memory
   */
  TrackingException timeoutError(Duration timeout, String outage, Object folder) {
    Counts sum = sum();
    boolean isOne = sum.things() == 1;
    String ofRun = byRun.size() == 1 ? " of run " + byRun.keySet().iterator().next() : "";
    String they = isOne ? "it is" : "they are";
    String stays = isOne ? "it stays" : "they stay";
    return error(
        FLUSH_TIMEOUT,
        "no answer within "
            + Calls.seconds(timeout)
            + " for "
            + sum
            + ofRun
            + (folder == null
                ? "; " + stays + " queued"
                : "; " + they + " kept in " + folder + " until " + they + " sent")
            + (outage.isEmpty() ? "" : "; the server is away: " + outage));
  }

  /** Returns the error of a call that logs and waited for room. */
  TrackingException fullError(Duration timeout) {
    return error(
        "OUTBOX_FULL",
        "no room for "
            + Calls.seconds(timeout)
            + ", because the "
            + (MemoryRoom.LIMIT_BYTES >> 20)
            + " MiB of the outbox are full of what has no answer, "
            + sum()
            + "; what this call logged is not queued");
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
    long lines;
    long changes;
    long bytes;

    void add(Batch batch, int sign) {
      batches += sign;
      points += (long) sign * batch.points();
      paramsAndTags += (long) sign * batch.paramsAndTags();
      lines += (long) sign * batch.request.getConsoleCount();
      changes += (long) sign * batch.changes();
      bytes += (long) sign * batch.bytes;
    }

    /** Returns what is left of it without a part; null if that is nothing. */
    Counts minus(Counts part) {
      batches -= part.batches;
      points -= part.points;
      paramsAndTags -= part.paramsAndTags;
      lines -= part.lines;
      changes -= part.changes;
      bytes -= part.bytes;
      return batches <= 0 ? null : this;
    }

    void add(Counts other) {
      batches += other.batches;
      points += other.points;
      paramsAndTags += other.paramsAndTags;
      lines += other.lines;
      changes += other.changes;
      bytes += other.bytes;
    }

    long things() {
      return points + paramsAndTags + lines + changes;
    }

    @Override
    public String toString() {
      List<String> counts = new ArrayList<>();
      add(counts, points, "point", "points");
      add(counts, paramsAndTags, "param or tag", "params and tags");
      add(counts, lines, "line of the console", "lines of the console");
      add(counts, changes, "change", "changes");
      int last = counts.size() - 1;
      if (last <= 0) {
        return counts.isEmpty() ? "nothing" : counts.get(0);
      }
      return String.join(", ", counts.subList(0, last)) + " and " + counts.get(last);
    }

    private static void add(List<String> counts, long number, String one, String many) {
      if (number != 0) {
        counts.add(UndeliveredReport.count(number, one, many));
      }
    }
  }
}
