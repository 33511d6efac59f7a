package io.runstream;

import com.google.protobuf.InvalidProtocolBufferException;
import io.grpc.Status;
import io.runstream.v1.BatchError;
import io.runstream.v1.LogBatchRequest;

/** A batch of a folder that another process left, and the place behind it. */
final class FolderBatch {
  /** Reason of the error of a message that cannot be read. */
  static final String MALFORMED = "MESSAGE_MALFORMED";

  private static final int MAX_BYTES = 4 * 1024 * 1024;

  final byte[] payload;

  /** The batch; null, if it is no message. */
  final LogBatchRequest request;

  /** The place; null, if it is the start of a run in another folder. */
  final Place end;

  private FolderBatch(byte[] payload, LogBatchRequest request, Place end) {
    this.payload = payload;
    this.request = request;
    this.end = end;
  }

  /** Returns the batch of a frame. */
  static FolderBatch parse(byte[] payload, Place end) {
    try {
      return new FolderBatch(payload, LogBatchRequest.parseFrom(payload), end);
    } catch (InvalidProtocolBufferException malformed) {
      return new FolderBatch(payload, null, end);
    }
  }

  /** Returns the start of a run, which waits in another folder, too. */
  static FolderBatch ofOtherFolder(LogBatchRequest start) {
    return new FolderBatch(start.toByteArray(), start, null);
  }

  /** Returns why no server can take it; null if one may. */
  TrackingException problem() {
    if (request == null) {
      return problem(Status.Code.INVALID_ARGUMENT, "it is no message", MALFORMED);
    }
    String tooLarge =
        "the batch has " + payload.length + " bytes, and " + MAX_BYTES + " are the most";
    return payload.length > MAX_BYTES
        ? problem(Status.Code.RESOURCE_EXHAUSTED, tooLarge, "BATCH_TOO_LARGE")
        : null;
  }

  private static TrackingException problem(Status.Code code, String message, String reason) {
    return TrackingException.of(
        BatchError.newBuilder()
            .setCode(code.value())
            .setMessage(message)
            .setReason(reason)
            .build());
  }
}
