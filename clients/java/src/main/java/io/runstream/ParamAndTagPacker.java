package io.runstream;

import com.google.protobuf.MessageLite;
import io.runstream.v1.LogBatchRequest;

/** Packs the params or tags of one call into batches that are not too large. */
final class ParamAndTagPacker {
  private final RunBuffer buffer;
  private final Outbox outbox;
  private LogBatchRequest.Builder request;
  private int size;

  ParamAndTagPacker(RunBuffer buffer, Outbox outbox) {
    this.buffer = buffer;
    this.outbox = outbox;
    this.request = LogBatchRequest.newBuilder().setRunId(buffer.runId);
  }

  /** Returns the request that a pair goes into. */
  LogBatchRequest.Builder requestWithRoomFor(MessageLite pair) {
    int more = pair.getSerializedSize();
    if (size > 0 && size + more > RunBuffer.BATCH_BYTES) {
      put();
    }
    size += more;
    return request;
  }

  /** Puts what is packed into the outbox. */
  void put() {
    if (size > 0) {
      if (request.getTagsCount() > 0) {
        request.setWrite(outbox.nextWrite());
      }
      outbox.put(new Batch(request.build()), buffer, null);
      request = LogBatchRequest.newBuilder().setRunId(buffer.runId);
      size = 0;
    }
  }
}
