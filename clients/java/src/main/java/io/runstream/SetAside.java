package io.runstream;

import io.runstream.v1.SpoolRefusal;
import java.io.IOException;
import java.nio.file.Path;

/**
 * What of a log of a folder cannot be delivered: what the server refused and what is no message are
 * kept in the folder, for people, who are told.
 */
final class SetAside implements LogReader.DamageListener {
  private static final System.Logger LOG = System.getLogger("io.runstream");

  private final SpoolFolder folder;
  private final Path log;
  private final String noun;
  private final String nouns;
  private long refused;
  private String firstRefusal = "";

  /**
   * Keeps nothing yet.
   *
   * @param log of the folder
   * @param noun of what is in the log, for people; {@code nouns} is its plural
   */
  SetAside(SpoolFolder folder, Path log, String noun, String nouns) {
    this.folder = folder;
    this.log = log;
    this.noun = noun;
    this.nouns = nouns;
  }

  /** Keeps what the server refused, which {@code kept} has. */
  void refuse(TrackingException error, SpoolRefusal.Builder kept) throws IOException {
    folder.appendRefusal(kept.build().toByteArray());
    refused++;
    firstRefusal = firstRefusal.isEmpty() ? error.getMessage() : firstRefusal;
  }

  /** Logs one warning, however much was refused: one for each would hide all others. */
  void warnOfRefused() {
    if (refused > 0) {
      LOG.log(
          System.Logger.Level.WARNING,
          "{0}: {1} {2} refused, the first because: {3}",
          folder.path,
          refused,
          refused == 1 ? noun + " was" : nouns + " were",
          firstRefusal);
    }
  }

  @Override
  public void onDamage(Place start, long size, boolean isCut) throws IOException {
    if (!isCut) {
      LOG.log(
          System.Logger.Level.WARNING,
          "{0}: {1} bytes are no {2}; they are kept in {3}",
          folder.path,
          size,
          nouns,
          folder.setAside(log, start, size));
    }
  }
}
