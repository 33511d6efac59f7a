package io.runstream;

import io.runstream.v1.MetricTable;
import java.util.Arrays;

/** The points of one metric of one run that wait to be sent, in columns; guarded by its buffer. */
final class Series {
  private static final int INITIAL_LENGTH = 16;
  // An empty series that is longer frees its columns.
  private static final int MAX_KEPT_LENGTH = 4096;

  private final String key;
  private long[] steps = new long[INITIAL_LENGTH];
  private long[] timestamps = new long[INITIAL_LENGTH];
  private double[] values = new double[INITIAL_LENGTH];
  private int size;
  // The last time that was filled in, and the step of the last point that has it.
  private long lastTime;
  private long lastStep = Long.MAX_VALUE;

  Series(String key) {
    this.key = key;
  }

  int size() {
    return size;
  }

  void add(long step, long timestamp, double value) {
    if (size == steps.length) {
      grow(2 * size);
    }
    steps[size] = step;
    timestamps[size] = timestamp;
    values[size++] = value;
  }

  /** Adds a point of now. Points of one step get times that strictly grow (M5). */
  void add(long step, double value) {
    long now = System.currentTimeMillis();
    if (now > lastTime) {
      lastTime = now;
    } else if (step <= lastStep) {
      lastTime++;
    }
    lastStep = step;
    add(step, lastTime, value);
  }

  /** Moves points from here, beginning with {@code first}, to a table; returns how many. */
  int copyTo(MetricTable.Builder table, int first, int maxRows) {
    int end = Math.min(size, first + maxRows);
    table.addKeys(key);
    table.addCounts(end - first);
    for (int i = first; i < end; i++) {
      table.addStep(steps[i]);
      table.addTimestamp(timestamps[i]);
      table.addValue(values[i]);
    }
    return end - first;
  }

  /** Makes room in all columns, or in none if there is no memory. */
  private void grow(int length) {
    long[] moreSteps = Arrays.copyOf(steps, length);
    long[] moreTimestamps = Arrays.copyOf(timestamps, length);
    values = Arrays.copyOf(values, length);
    steps = moreSteps;
    timestamps = moreTimestamps;
  }

  void clear() {
    size = 0;
    if (steps.length > MAX_KEPT_LENGTH) {
      steps = new long[INITIAL_LENGTH];
      timestamps = new long[INITIAL_LENGTH];
      values = new double[INITIAL_LENGTH];
    }
  }

  /** Returns how many bytes the key takes in a table at most. */
  int keyBytes() {
    return 3 * key.length() + 4;
  }
}
