package io.runstream;

import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Collectors;

/** What the server refused and no call has thrown yet, by run. Its monitor covers it. */
final class Refusals {
  private final Map<String, List<TrackingException>> byRun = new HashMap<>();
  private volatile boolean isEmpty = true; // written with the monitor

  synchronized void add(String runId, TrackingException refusal) {
    byRun.computeIfAbsent(runId, id -> new ArrayList<>()).add(refusal);
    isEmpty = false;
  }

  synchronized boolean has(String runId) {
    return byRun.containsKey(runId);
  }

  /** Throws what was refused of a run, once. */
  void throwOf(String runId) {
    if (!isEmpty) { // the common case, without a lock
      throwOf(List.of(runId));
    }
  }

  /** Throws what was refused of some runs, once; the first with all others. */
  void throwOf(Collection<String> runIds) {
    List<TrackingException> thrown;
    synchronized (this) {
      thrown =
          runIds.stream()
              .map(byRun::remove)
              .filter(Objects::nonNull)
              .flatMap(List::stream)
              .collect(Collectors.toList());
      isEmpty = byRun.isEmpty();
    }
    if (!thrown.isEmpty()) {
      TrackingException first = thrown.get(0);
      thrown.stream().skip(1).forEach(first::addSuppressed);
      first.fillInStackTrace(); // that of the call that throws it
      throw first;
    }
  }
}
