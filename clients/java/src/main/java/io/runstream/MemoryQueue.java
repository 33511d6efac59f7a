package io.runstream;

import io.runstream.v1.LogBatchRequest;
import io.runstream.v1.SpoolRefusal;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.TreeMap;

/** Batches in memory. Its monitor covers them. */
final class MemoryQueue implements BatchQueue {
  private final TreeMap<Long, Batch> batches = new TreeMap<>();
  private volatile long bytes;

  @Override
  public synchronized void append(List<Batch> more) {
    for (Batch batch : more) {
      batches.put(batch.number, batch);
      bytes += batch.bytes;
    }
  }

  @Override
  public synchronized Batch peek(long number) {
    return batches.get(number);
  }

  @Override
  public synchronized void acknowledge(long number) {
    while (!batches.isEmpty() && batches.firstKey() <= number) {
      bytes -= batches.pollFirstEntry().getValue().bytes;
    }
  }

  @Override
  public long size() {
    return bytes;
  }

  @Override
  public synchronized Collection<Batch> unwritten() {
    return new ArrayList<>(batches.values());
  }

  /** Returns the first batch; null if there is none. */
  synchronized Batch first() {
    return batches.isEmpty() ? null : batches.firstEntry().getValue();
  }

  @Override
  public Path place() {
    return null;
  }

  @Override
  public long lastOnDisk() {
    return 0;
  }

  @Override
  public void maintain() {
    // There is nothing to do.
  }

  @Override
  public boolean needsMaintenance() {
    return false;
  }

  @Override
  public Path keepRefusal(SpoolRefusal refusal) {
    return null;
  }

  @Override
  public LogBatchRequest findStart(String runId) {
    return null;
  }

  @Override
  public void close() {
    // There is nothing to do.
  }
}
