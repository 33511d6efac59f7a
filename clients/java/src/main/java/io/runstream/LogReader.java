package io.runstream;

import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/**
 * Reads the frames of a log in order from a place on, also while they are written. One thread at a
 * time may use it.
 */
final class LogReader implements AutoCloseable {
  /** Takes bytes that are no frames, before the frame behind them is returned. */
  interface DamageListener {
    /**
     * Bytes are no frames.
     *
     * @param start where they begin
     * @param size how many they are
     * @param isCut whether their writer was killed while it wrote them, so that they are of no use
     */
    void onDamage(Place start, long size, boolean isCut) throws IOException;
  }

  private final Path folder;
  private final DamageListener damage;
  private Place place;
  private FrameFile file; // null, if none is open

  /** Reads a folder, which need not be there yet. */
  LogReader(Path folder, Place place, DamageListener damage) {
    this.folder = folder;
    this.place = place;
    this.damage = damage;
  }

  /** Returns the place of the next frame, which is behind the last one that was returned. */
  Place place() {
    return place;
  }

  /**
   * Returns the payload of the next frame; null if there is none, or none yet.
   *
   * @param mayGrow whether the writer may be alive, so that what follows the last frame may be a
   *     frame that is being written
   */
  byte[] next(boolean mayGrow) throws IOException {
    boolean isLast = true;
    while (openFile()) {
      byte[] payload = file.next(isLast);
      Place start = place;
      place = new Place(place.file, file.offset());
      if (payload != null) {
        return payload;
      }
      if (file.skipped() > 0) {
        damage.onDamage(start, file.skipped(), file.isCut());
      } else if (isLast) {
        // The writer finishes a file before it begins the next one. So once there is another one,
        // or no writer, this file is looked at once more, and to its end.
        isLast = mayGrow && LogFiles.next(folder, place.file) == 0;
        if (isLast) {
          return null;
        }
      } else {
        long number = LogFiles.next(folder, place.file);
        if (number == 0) {
          return null;
        }
        beginFile(number);
        isLast = true;
      }
    }
    return null;
  }

  @Override
  public void close() throws IOException {
    if (file != null) {
      FrameFile closed = file;
      file = null;
      closed.close();
    }
  }

  /** Opens the file of the place, or the first one behind it; returns whether there is one. */
  private boolean openFile() throws IOException {
    if (file != null) {
      return true;
    }
    try {
      file = new FrameFile(LogFiles.path(folder, place.file), place.offset);
      return true;
    } catch (NoSuchFileException none) {
      long number = LogFiles.next(folder, place.file);
      if (number == 0) {
        return false;
      }
      beginFile(number);
      return true;
    }
  }

  private void beginFile(long number) throws IOException {
    close();
    place = new Place(number, 0);
    file = new FrameFile(LogFiles.path(folder, number), 0);
  }
}
