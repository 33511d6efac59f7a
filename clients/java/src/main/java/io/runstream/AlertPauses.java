package io.runstream;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** When a run raised its alerts last, so that a loop with one in each step raises few. */
final class AlertPauses {
  private static final long PAUSE_NANOS = TimeUnit.MINUTES.toNanos(1);
  private static final int REMEMBERED = 1_000;

  private final Map<String, Long> raised =
      new LinkedHashMap<>() {
        @Override
        protected boolean removeEldestEntry(Map.Entry<String, Long> eldest) {
          return size() > REMEMBERED;
        }
      };

  /** Returns whether an alert of a title may be raised now, and counts it as raised if so. */
  synchronized boolean take(String title) {
    long now = System.nanoTime();
    Long last = raised.get(title);
    if (last != null && now - last < PAUSE_NANOS) {
      return false;
    }
    raised.put(title, now);
    return true;
  }

  /** Counts an alert as not raised, because it could not be. */
  synchronized void release(String title) {
    raised.remove(title);
  }
}
