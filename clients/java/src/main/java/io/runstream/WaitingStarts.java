package io.runstream;

import com.google.protobuf.InvalidProtocolBufferException;
import io.runstream.v1.LogBatchRequest;
import java.io.IOException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;

/**
 * Starts of runs that wait in the folders of a spool. A process may log to a run that another one
 * has started while the server was away; whichever of them reaches the server first, that has to
 * get the start first.
 *
 * <p>Each frame is read once, however many runs are asked for; of the starts only their places are
 * kept. Its monitor covers them.
 */
final class WaitingStarts {
  private static final String OFFLINE = "offline:";

  private final Path spool;
  private final String trackingUri;
  private final Map<Path, Place> read = new HashMap<>(); // up to where each folder is known
  private final Map<String, Found> found = new HashMap<>(); // by run

  /** Where a start is. */
  private static final class Found {
    final Path batches;
    final Place start;
    final Place end;

    Found(Path batches, Place start, Place end) {
      this.batches = batches;
      this.start = start;
      this.end = end;
    }
  }

  /**
   * Reads nothing yet.
   *
   * @param trackingUri of the server; folders for others are passed over
   */
  WaitingStarts(Path spool, String trackingUri) {
    this.spool = spool;
    this.trackingUri = trackingUri;
  }

  /**
   * Returns the batch that starts a run, as it waits; null if none does.
   *
   * @param own the folder that is passed over, because its batches are sent in their order
   */
  synchronized LogBatchRequest find(String runId, Path own) {
    LogBatchRequest start = readFound(runId);
    if (start != null) {
      return start;
    }
    for (FolderInfo info : FolderInfo.list(spool)) {
      try {
        if (!info.folder.equals(own) && isForServer(info)) {
          FolderContents.check(info.folder);
          readFolder(info.folder.resolve("batches"));
        }
      } catch (IOException unreadable) {
        // It is being removed, or is none of this user.
      }
    }
    return readFound(runId);
  }

  private boolean isForServer(FolderInfo info) {
    return info.trackingUri.isEmpty()
        || info.trackingUri.equals(trackingUri)
        || info.trackingUri.startsWith(OFFLINE);
  }

  /** What is in front of the cursor is no start any more: its run may have been removed since. */
  private void readFolder(Path batches) throws IOException {
    Place cursor = Cursor.read(batches);
    Place known = read.getOrDefault(batches, cursor);
    try (LogReader reader =
        new LogReader(
            batches, known.compareTo(cursor) > 0 ? known : cursor, (at, size, isCut) -> {})) {
      Place start = reader.place();
      for (byte[] payload; (payload = reader.next(true)) != null; start = reader.place()) {
        LogBatchRequest batch = parse(payload);
        if (batch.hasStart()) {
          found.putIfAbsent(batch.getRunId(), new Found(batches, start, reader.place()));
        }
      }
      read.put(batches, reader.place());
    }
  }

  private LogBatchRequest readFound(String runId) {
    Found place = found.get(runId);
    if (place == null) {
      return null;
    }
    try {
      if (Cursor.read(place.batches).compareTo(place.end) < 0) {
        try (LogReader reader =
            new LogReader(place.batches, place.start, (at, size, isCut) -> {})) {
          byte[] payload = reader.next(true);
          LogBatchRequest batch = payload == null ? null : parse(payload);
          if (batch != null && batch.hasStart() && batch.getRunId().equals(runId)) {
            return batch;
          }
        }
      }
    } catch (IOException removed) {
      // It is answered, or somebody has discarded it.
    }
    found.remove(runId);
    return null;
  }

  /** Returns a batch; one without content, if it is none: whoever delivers it sets it aside. */
  private static LogBatchRequest parse(byte[] payload) {
    try {
      return LogBatchRequest.parseFrom(payload);
    } catch (InvalidProtocolBufferException malformed) {
      return LogBatchRequest.getDefaultInstance();
    }
  }
}
