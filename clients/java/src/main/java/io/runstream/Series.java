package io.runstream;

import io.runstream.v1.MetricTable;
import java.util.Arrays;

/** The points of one metric of one run that wait to be sent, in columns; guarded by its buffer. */
final class Series {
  private static final int FIRST = 16;
  // Above this an empty series keeps no more room for what comes.
  private static final int KEPT = 4096;

  private final String key;
  private long[] steps = new long[FIRST];
  private long[] timestamps = new long[FIRST];
  private double[] values = new double[FIRST];
  private int size;
  // The latest time that was filled in, and the greatest step of a point that has it.
  private long clock;
  private long top = Long.MAX_VALUE;

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
    if (now > clock) {
      clock = now;
    } else if (step <= top) {
      clock++;
    }
    top = step;
    add(step, clock, value);
  }

  /** Moves points from here, beginning with {@code first}, to a table; returns how many. */
  int copyTo(MetricTable.Builder table, int first, int most) {
    int end = Math.min(size, first + most);
    int index = table.getKeysCount();
    table.addKeys(key);
    for (int i = first; i < end; i++) {
      table.addKey(index);
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
    if (steps.length > KEPT) {
      steps = new long[FIRST];
      timestamps = new long[FIRST];
      values = new double[FIRST];
    }
  }

  /** Returns the most bytes that the key takes in a table. */
  int keyBytes() {
    return 3 * key.length() + 4;
  }
}
