package io.runstream;

import io.runstream.v1.LogBatchRequest;

/** A request on its way; one without points, params and tags is a heartbeat. */
final class Batch {
  // Bytes of memory that a batch takes besides its message.
  private static final int OVERHEAD = 200;

  final RunBuffer buffer;
  final LogBatchRequest request;
  final int bytes;

  /** The number of the batch in the outbox, from 1. */
  long number;

  Batch(RunBuffer buffer, LogBatchRequest request) {
    this.buffer = buffer;
    this.request = request;
    this.bytes = request.getSerializedSize() + OVERHEAD;
  }

  int points() {
    return request.getMetrics().getValueCount();
  }

  int paramsAndTags() {
    return request.getParamsCount() + request.getTagsCount();
  }

  boolean isHeartbeat() {
    return points() == 0 && paramsAndTags() == 0;
  }
}
