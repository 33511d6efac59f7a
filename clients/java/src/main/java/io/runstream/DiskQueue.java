package io.runstream;

import com.google.protobuf.InvalidProtocolBufferException;
import io.runstream.v1.LogBatchRequest;
import io.runstream.v1.SpoolRefusal;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Batches in the folder of this process in the spool, so that they survive it; docs/spool.md has
 * the form.
 *
 * <pre>
 *  answered | kept: in memory, too | on disk alone | rest: in memory alone, while the disk fails
 *           cursor                 nextRead        lastOnDisk
 * </pre>
 *
 * <p>Its monitor covers all of it, also while it reads and writes; threads that log never take it.
 */
final class DiskQueue implements BatchQueue {
  /** Bytes of batches that are kept in memory for the stream; the others are read back. */
  static final long KEPT_BYTES = 16L * 1024 * 1024;

  private static final System.Logger LOG = System.getLogger("io.runstream");
  private static final Duration RETRY_PAUSE = Duration.ofSeconds(5);

  private final SpoolSettings settings;
  private final String trackingUri;
  private final WaitingStarts waitingStarts;
  private final SpoolRoom room;
  private final Map<Long, Batch> kept = new HashMap<>();
  private final MemoryQueue rest = new MemoryQueue();
  private long keptBytes;
  private long nextRead = 1; // the first on disk that was neither kept nor read back
  private volatile long lastOnDisk;
  private volatile long lastAcknowledged;
  private Place nextPlace = Place.START; // of the batch nextRead
  private Place acknowledged; // where the cursor belongs; null, if it is there
  private long failedNanos;
  private boolean isFailing;
  private boolean isWarned;
  // The folder is made when there is something to write.
  private volatile SpoolFolder folder;
  private LogWriter writer;
  private Cursor cursor;
  private LogReader reader; // null, if nothing is read back

  /**
   * Makes an empty queue.
   *
   * @param trackingUri of the server, for those who deliver what this process leaves
   */
  DiskQueue(SpoolSettings settings, String trackingUri) {
    this.settings = settings;
    this.trackingUri = trackingUri;
    room = new SpoolRoom(settings);
    waitingStarts = new WaitingStarts(settings.folder, trackingUri);
  }

  @Override
  public synchronized void append(List<Batch> batches) {
    rest.append(batches);
    writeRest();
  }

  @Override
  public synchronized Batch peek(long number) {
    return number <= lastOnDisk ? kept.get(number) : rest.peek(number);
  }

  @Override
  public synchronized void acknowledge(long number) {
    for (long each = lastAcknowledged + 1; each <= Math.min(number, lastOnDisk); each++) {
      Batch batch = kept.remove(each);
      if (batch != null) {
        keptBytes -= batch.bytes;
        acknowledged = batch.end;
      }
    }
    rest.acknowledge(number);
    lastAcknowledged = Math.max(lastAcknowledged, number);
  }

  @Override
  public long size() {
    return rest.size();
  }

  @Override
  public Collection<Batch> unwritten() {
    return rest.unwritten();
  }

  @Override
  public Path place() {
    SpoolFolder current = folder; // without the monitor, which a disk that hangs may hold
    return current == null ? null : current.path;
  }

  @Override
  public long lastOnDisk() {
    return Math.max(lastOnDisk, lastAcknowledged);
  }

  @Override
  public synchronized boolean needsMaintenance() {
    return nextRead <= lastOnDisk && keptBytes < KEPT_BYTES / 2;
  }

  @Override
  public synchronized void maintain() {
    if (rest.first() != null) {
      writeRest();
    }
    try {
      if (acknowledged != null && cursor != null) {
        cursor.move(acknowledged);
        acknowledged = null;
      }
    } catch (IOException error) {
      LOG.log(System.Logger.Level.DEBUG, "the cursor stays behind: {0}", error.toString());
    }
    if (!settings.isOffline) {
      readBack();
    }
  }

  @Override
  public synchronized Path keepRefusal(SpoolRefusal refusal) throws IOException {
    byte[] payload = refusal.toByteArray();
    open();
    room.check(folder.path, payload.length);
    folder.appendRefusal(payload);
    room.take(payload.length);
    return folder.path;
  }

  @Override
  public LogBatchRequest findStart(String runId) {
    return waitingStarts.find(runId, place());
  }

  @Override
  public synchronized void close() {
    if (folder == null) {
      return;
    }
    maintain();
    try {
      closeFiles();
      if (lastAcknowledged >= lastOnDisk && !settings.isOffline) {
        folder.remove();
      }
    } catch (IOException error) {
      LOG.log(System.Logger.Level.WARNING, "{0} is left there: {1}", folder.path, error.toString());
    }
    folder.close();
    folder = null;
  }

  /** Writes what is in memory alone, as far as that is possible. */
  private void writeRest() {
    long now = System.nanoTime();
    if (isFailing && now - failedNanos < RETRY_PAUSE.toNanos()) {
      return;
    }
    try {
      boolean isWritten = false;
      for (Batch batch; (batch = rest.first()) != null; isWritten = true) {
        write(batch);
        rest.acknowledge(batch.number);
      }
      if (isWritten && settings.isSynced) {
        writer.sync();
      }
      isFailing = false;
    } catch (IOException | RuntimeException error) {
      isFailing = true;
      failedNanos = now;
      if (!isWarned) {
        isWarned = true;
        LOG.log(
            System.Logger.Level.WARNING,
            "what is logged cannot be written to the spool ({0}): until it can, it is kept in"
                + " memory, and lost if this process is killed",
            error.toString());
      }
    }
  }

  private void write(Batch batch) throws IOException {
    open();
    room.check(folder.path, batch.bytes);
    Place start = writer.end();
    Place end = writer.append(batch.request.toByteArray());
    room.take(batch.bytes);
    boolean isCaughtUp = nextRead > lastOnDisk;
    lastOnDisk = batch.number;
    batch.end = end;
    if (isCaughtUp) {
      nextRead = batch.number;
      nextPlace = start;
      if (!settings.isOffline && keptBytes < KEPT_BYTES) {
        closeReader();
        keep(batch);
      }
    }
  }

  private void open() throws IOException {
    if (folder != null) {
      return;
    }
    SpoolFolder made =
        SpoolFolder.create(settings.folder, trackingUri, !settings.isOffline, settings.isSynced);
    try {
      writer = new LogWriter(made.batches(), settings.isSynced);
      cursor = settings.isOffline ? null : new Cursor(made.batches());
      folder = made;
    } catch (IOException error) {
      made.remove();
      throw error;
    }
  }

  private void keep(Batch batch) {
    kept.put(batch.number, batch);
    keptBytes += batch.bytes;
    nextRead = batch.number + 1;
    nextPlace = batch.end;
  }

  /** Reads from the disk what the stream needs next. */
  private void readBack() {
    try {
      while (nextRead <= lastOnDisk && keptBytes < KEPT_BYTES) {
        if (reader == null) {
          SetAside damage = new SetAside(folder, folder.batches(), "batch", "batches");
          reader = new LogReader(folder.batches(), nextPlace, damage);
        }
        byte[] payload = reader.next(true);
        Batch batch = new Batch(parse(payload));
        batch.number = nextRead;
        batch.end = reader.place();
        keep(batch);
        if (batch.number <= lastAcknowledged) { // it was sent while it was in memory alone
          keptBytes -= kept.remove(batch.number).bytes;
          acknowledged = batch.end;
        }
      }
    } catch (IOException error) {
      LOG.log(
          System.Logger.Level.WARNING, "{0} cannot be read: {1}", folder.path, error.toString());
      closeReader();
    }
  }

  /** Returns the batch of a frame; one without content, if the frame is damaged or missing. */
  private static LogBatchRequest parse(byte[] payload) {
    try {
      return payload == null
          ? LogBatchRequest.getDefaultInstance()
          : LogBatchRequest.parseFrom(payload);
    } catch (InvalidProtocolBufferException error) {
      return LogBatchRequest.getDefaultInstance();
    }
  }

  private void closeFiles() throws IOException {
    closeReader();
    writer.close();
    if (cursor != null) {
      cursor.close();
    }
  }

  private void closeReader() {
    if (reader != null) {
      try {
        reader.close();
      } catch (IOException error) {
        LOG.log(System.Logger.Level.DEBUG, "{0}", error.toString());
      }
      reader = null;
    }
  }
}
