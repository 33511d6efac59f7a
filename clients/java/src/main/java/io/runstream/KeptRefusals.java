package io.runstream;

import io.grpc.Status;
import io.runstream.v1.BatchError;
import io.runstream.v1.SpoolRefusal;
import java.io.IOException;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/**
 * What the server refused of a client, and is kept in its folder of the spool. Its monitor covers
 * it; who has it may take the queue's.
 */
final class KeptRefusals {
  // Refusals of what may be all right: the run is not there, has ended, or is not for this caller.
  // A mistake in the content is thrown, and stays one however often it is sent.
  private static final Set<Status.Code> KEPT =
      EnumSet.of(
          Status.Code.ALREADY_EXISTS,
          Status.Code.FAILED_PRECONDITION,
          Status.Code.INTERNAL,
          Status.Code.NOT_FOUND,
          Status.Code.PERMISSION_DENIED);

  private static final System.Logger LOG = System.getLogger("io.runstream");

  private final BatchQueue queue;
  private final Map<String, Integer> counts = new LinkedHashMap<>(); // by run
  private Path folder; // null, if nothing is kept
  private boolean isWarned;

  KeptRefusals(BatchQueue queue) {
    this.queue = queue;
  }

  /** Keeps a batch that was refused, if it may be taken another time. */
  synchronized void keep(Batch batch, TrackingException error) {
    if (!KEPT.contains(error.code())) {
      return;
    }
    try {
      Path keeping =
          queue.keepRefusal(toMessage(error).setBatch(batch.request.toByteString()).build());
      if (keeping != null) {
        folder = keeping;
        counts.merge(batch.runId(), 1, Integer::sum);
      }
    } catch (IOException problem) {
      if (!isWarned) {
        isWarned = true;
        LOG.log(
            System.Logger.Level.WARNING,
            "what the server refuses cannot be kept in the spool: {0}",
            problem.toString());
      }
    }
  }

  /** Returns what a folder keeps of something that was refused, which is still to be set. */
  static SpoolRefusal.Builder toMessage(TrackingException error) {
    return SpoolRefusal.newBuilder()
        .setError(
            BatchError.newBuilder()
                .setCode(error.code().value())
                .setMessage(error.getMessage())
                .setReason(error.reason())
                .putAllMetadata(error.metadata()))
        .setTime(System.currentTimeMillis());
  }

  /** Returns what says that a folder keeps what a server refused; empty if none does. */
  synchronized String report(String server) {
    if (folder == null) {
      return "";
    }
    return UndeliveredReport.describeRefused(server, folder, counts);
  }
}
