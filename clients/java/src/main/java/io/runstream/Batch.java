package io.runstream;

import io.runstream.v1.LogBatchRequest;

/** A request on its way, which says something about one run. */
final class Batch {
  // Bytes of memory that a batch takes besides its message.
  private static final int OVERHEAD = 200;

  final LogBatchRequest request;
  final int bytes;

  /** The number of the batch in the outbox, from 1. */
  long number;

  /** The place behind it in the spool; null, if it is in memory alone. */
  Place end;

  Batch(LogBatchRequest request) {
    this.request = request;
    this.bytes = request.getSerializedSize() + OVERHEAD;
  }

  String runId() {
    return request.getRunId();
  }

  int points() {
    return request.getMetrics().getValueCount();
  }

  int paramsAndTags() {
    return request.getParamsCount() + request.getTagsCount();
  }

  /** Returns whether it is none of the queue: a heartbeat has no number. */
  boolean isHeartbeat() {
    return number == 0;
  }

  /** Returns whether the answer has the run. */
  boolean isAnsweredByRunInfo() {
    return request.hasStart() || request.hasUpdate();
  }

  /** Returns how much else it says of its run: its start, its end, inputs and the like. */
  int changes() {
    return (request.hasStart() ? 1 : 0)
        + (request.hasUpdate() ? 1 : 0)
        + request.getDeletedTagsCount()
        + request.getDatasetsCount()
        + request.getModelInputsCount()
        + request.getModelOutputsCount()
        + request.getAlertsCount();
  }
}
