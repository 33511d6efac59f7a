package io.runstream;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** The open runs of a client, which send heartbeats. Its monitor covers them. */
final class Heartbeats {
  /** Time after which an open run sends one, if nothing else was sent for it. */
  static final Duration INTERVAL = Duration.ofSeconds(10);

  private final List<RunBuffer> open = new ArrayList<>();

  synchronized void add(RunBuffer buffer) {
    open.add(buffer);
    buffer.lastSentNanos = System.nanoTime(); // the start of the run was a heartbeat
  }

  synchronized void remove(RunBuffer buffer) {
    open.remove(buffer);
  }

  /** Returns the runs for which nothing was sent lately, whose heartbeat is sent now. */
  synchronized List<String> findDue() {
    long now = System.nanoTime();
    List<String> due = new ArrayList<>();
    for (RunBuffer buffer : open) {
      if (now - buffer.lastSentNanos >= INTERVAL.toNanos()) {
        buffer.lastSentNanos = now;
        due.add(buffer.runId);
      }
    }
    return due;
  }
}
