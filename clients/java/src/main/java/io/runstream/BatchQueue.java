package io.runstream;

import io.runstream.v1.LogBatchRequest;
import io.runstream.v1.SpoolRefusal;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Collection;
import java.util.List;

/**
 * The batches without an answer, in the order of their numbers: in memory, or on disk. Any thread
 * may look at it and acknowledge; the uploader's thread alone appends.
 */
interface BatchQueue {
  /** Appends batches, whose numbers follow those that were appended before. */
  void append(List<Batch> batches);

  /** Returns the batch of a number; null if there is none, or none yet. */
  Batch peek(long number);

  /** Drops the batches up to a number, which are answered. */
  void acknowledge(long number);

  /** Returns the bytes of batches that are in memory because they are nowhere else; no lock. */
  long size();

  /** Returns those batches. */
  Collection<Batch> unwritten();

  /** Returns where the others are, for people; null if there is no such place. */
  Path place();

  /** Returns the number up to which all batches that are not answered are on disk. */
  long lastOnDisk();

  /**
   * Reads back what a stream needs next, and writes down what is answered; for the uploader's
   * thread.
   */
  void maintain();

  /** Returns whether {@link #maintain} has something to read back soon. */
  boolean needsMaintenance();

  /**
   * Keeps what the server refused, on disk.
   *
   * @return the folder that has it; null if there is no such place
   * @throws IOException if it cannot be written, or there is no room for it
   */
  Path keepRefusal(SpoolRefusal refusal) throws IOException;

  /** Returns the start of a run that waits in another folder of the spool; null if none does. */
  LogBatchRequest findStart(String runId);

  /** Ends it; what is on disk and has no answer stays there. */
  void close();
}
