package io.runstream;

import com.google.protobuf.InvalidProtocolBufferException;
import io.runstream.v1.LogBatchRequest;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Starts of runs that wait in the folders of a spool. A process may log to a run that another one
 * has started while the server was away; whichever of them reaches the server first, that has to
 * get the start first.
 */
final class WaitingStarts {
  private static final long MAX_INFO_BYTES = 64 * 1024;
  // The value has no escapes in it, or else is that of another server.
  private static final Pattern TRACKING_URI =
      Pattern.compile("\"(?:trackingUri|tracking_uri)\"\\s*:\\s*\"([^\"]*)\"");

  private final Path spool;
  private final String trackingUri;

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
  LogBatchRequest find(String runId, Path own) {
    for (Path folder : folders()) {
      try {
        if (!folder.equals(own) && isForServer(folder)) {
          LogBatchRequest start = findIn(folder.resolve("batches"), runId);
          if (start != null) {
            return start;
          }
        }
      } catch (IOException | UncheckedIOException unreadable) {
        // It is being removed, or is none of this user.
      }
    }
    return null;
  }

  private List<Path> folders() {
    try (Stream<Path> found = Files.list(spool)) {
      return found
          .filter(path -> !path.getFileName().toString().startsWith("."))
          .filter(path -> Files.isDirectory(path, LinkOption.NOFOLLOW_LINKS))
          .filter(
              path -> Files.isRegularFile(path.resolve("spool.json"), LinkOption.NOFOLLOW_LINKS))
          .collect(Collectors.toList());
    } catch (IOException | UncheckedIOException none) {
      return List.of();
    }
  }

  private boolean isForServer(Path folder) throws IOException {
    Path file = folder.resolve("spool.json");
    if (Files.size(file) > MAX_INFO_BYTES) {
      return false;
    }
    byte[] bytes = Files.readAllBytes(file);
    Matcher uri = TRACKING_URI.matcher(new String(bytes, StandardCharsets.UTF_8));
    String named = uri.find() ? uri.group(1) : "";
    return named.isEmpty() || named.equals(trackingUri) || named.startsWith("offline:");
  }

  /** What is in front of the cursor is no start any more: its run may have been removed since. */
  private static LogBatchRequest findIn(Path batches, String runId) throws IOException {
    try (LogReader reader =
        new LogReader(batches, Cursor.read(batches), (start, size, isCut) -> {})) {
      for (byte[] payload; (payload = reader.next(true)) != null; ) {
        try {
          LogBatchRequest batch = LogBatchRequest.parseFrom(payload);
          if (batch.hasStart() && batch.getRunId().equals(runId)) {
            return batch;
          }
        } catch (InvalidProtocolBufferException damaged) {
          // Whoever delivers the folder sets it aside.
        }
      }
      return null;
    }
  }
}
