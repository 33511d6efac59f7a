package io.runstream;

import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;

/** The content of a file to upload, in a folder of the spool; it is read at a pace. */
final class SpoolContent implements Upload.Source {
  // Bytes between two looks at the pace.
  private static final int PIECE_BYTES = 256 * 1024;
  private static final long NANOS_OF_A_MILLI = 1_000_000;

  private final Path path;
  private final long size;
  private final Pace pace;

  /**
   * Reads nothing yet.
   *
   * @param size how many bytes it must have
   */
  SpoolContent(Path path, long size, Pace pace) {
    this.path = path;
    this.size = size;
    this.pace = pace;
  }

  @Override
  public InputStream open() throws IOException {
    return new FilterInputStream(Files.newInputStream(path, LinkOption.NOFOLLOW_LINKS)) {
      @Override
      public int read(byte[] bytes, int offset, int length) throws IOException {
        int piece = Math.min(length, PIECE_BYTES);
        for (long pause; (pause = pace.nanosUntil(piece)) > 0; ) {
          if (pace.isOver()) {
            throw new IOException("the client is closed");
          }
          Interrupts.pause(Math.max(1, pause / NANOS_OF_A_MILLI));
        }
        return super.read(bytes, offset, piece);
      }
    };
  }

  @Override
  public long size() {
    return size;
  }

  /** Throws the error of a content that is not there, or not as long as it was. */
  @Override
  public void check() throws IOException {
    BasicFileAttributes found;
    try {
      found = Files.readAttributes(path, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
    } catch (NoSuchFileException none) {
      throw FolderTasks.lossError(path + " is not there", "FILE_MISSING");
    }
    if (!found.isRegularFile()) { // a link would upload what somebody else has
      throw FolderTasks.lossError(path + " is no regular file", "FILE_MISSING");
    }
    if (found.size() != size) {
      throw FolderTasks.lossError(
          path + " has " + found.size() + " bytes of " + size, "FILE_INCOMPLETE");
    }
  }
}
