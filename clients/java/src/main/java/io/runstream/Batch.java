package io.runstream;

import io.runstream.v1.LogBatchRequest;

/** A request on its way; one without points, params and tags is a sign of life. */
final class Batch {
  // What a batch takes besides its message.
  private static final int OVERHEAD = 200;

  final RunBuffer buffer;
  final LogBatchRequest request;
  final int bytes;

  /** Its place among all batches of the outbox, from 1. */
  long number;

  Batch(RunBuffer buffer, LogBatchRequest request) {
    this.buffer = buffer;
    this.request = request;
    this.bytes = request.getSerializedSize() + OVERHEAD;
  }

  boolean isSign() {
    return !request.hasMetrics() && request.getParamsCount() == 0 && request.getTagsCount() == 0;
  }
}
