package io.runstream;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;

/** The room that a spool and its disk have for one writer. One thread at a time may use it. */
final class SpoolRoom {
  private static final Duration SPACE_PAUSE = Duration.ofSeconds(1);

  private final SpoolSettings settings;
  private long left; // bytes that may be written before the next look at the spool
  private long spaceCheckedNanos = System.nanoTime() - SPACE_PAUSE.toNanos();

  SpoolRoom(SpoolSettings settings) {
    this.settings = settings;
  }

  /**
   * Checks that something may be written.
   *
   * @param folder where
   * @param bytes how much
   * @throws IOException if there is no room for it
   */
  void check(Path folder, int bytes) throws IOException {
    if (left < bytes) {
      left = settings.measureRoom(bytes);
    }
    long now = System.nanoTime();
    if (now - spaceCheckedNanos >= SPACE_PAUSE.toNanos()) {
      if (!SpoolSettings.hasFreeSpace(folder.toFile(), LogFiles.FILE_BYTES)) {
        throw new IOException("the disk is nearly full");
      }
      spaceCheckedNanos = now;
    }
  }

  /** Notes what was written. */
  void take(int bytes) {
    left -= bytes;
  }
}
