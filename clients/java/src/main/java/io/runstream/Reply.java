package io.runstream;

import io.runstream.v1.RunInfo;

/** The answer to one batch, for a call that waits for it. The outbox's monitor covers it. */
final class Reply {
  /** Whether the batch is answered. */
  boolean isAnswered;

  /** The run as it was after the batch; null, if the batch was refused or does not tell. */
  RunInfo info;

  /** Why the batch was refused; null, if it was not. */
  TrackingException refusal;
}
