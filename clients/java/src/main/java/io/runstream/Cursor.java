package io.runstream;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.zip.CRC32;

/**
 * The cursor of a log of which this process has {@code delivery.lock}: all frames before it are
 * answered. One thread at a time may use it.
 */
final class Cursor implements AutoCloseable {
  private static final byte[] MAGIC = "RSC1".getBytes(StandardCharsets.US_ASCII);
  private static final int CHECKED_BYTES = 20;
  private static final int BYTES = 24;

  private final Path folder;
  private final FileChannel file;
  private Place place;

  Cursor(Path folder) throws IOException {
    this.folder = folder;
    place = read(folder);
    file = LogFiles.open(path(folder), Set.of(StandardOpenOption.CREATE, StandardOpenOption.WRITE));
  }

  /**
   * Returns the place from which a log is to be read: that of its cursor, or its first file, if
   * there is no cursor, or it is damaged or older than that file. A cursor beyond the end of its
   * file is damaged, too: a crash of the machine may have cut the file.
   */
  static Place read(Path folder) throws IOException {
    List<Long> files = LogFiles.list(folder);
    Place first = files.isEmpty() ? Place.START : new Place(files.get(0), 0);
    try {
      Place found = parse(Files.readAllBytes(path(folder)));
      boolean isUsed =
          found != null
              && found.compareTo(first) > 0
              && Files.size(LogFiles.path(folder, found.file)) >= found.offset;
      return isUsed ? found : first;
    } catch (NoSuchFileException none) {
      return first;
    }
  }

  Place place() {
    return place;
  }

  /**
   * Says that all before a place is answered. Files before that of the place are removed, after the
   * cursor is written.
   *
   * @return the bytes of these files
   */
  long move(Place to) throws IOException {
    ByteBuffer bytes = ByteBuffer.allocate(BYTES).order(ByteOrder.LITTLE_ENDIAN);
    bytes.put(MAGIC).putLong(to.file).putLong(to.offset);
    bytes.putInt(checksum(bytes.array()));
    file.write(bytes.flip(), 0);
    Place old = place;
    place = to;
    return to.file > old.file ? removeFiles() : 0;
  }

  @Override
  public void close() throws IOException {
    file.close();
  }

  private long removeFiles() throws IOException {
    long freed = 0;
    for (long number : LogFiles.list(folder)) {
      Path old = LogFiles.path(folder, number);
      if (number < place.file && Files.exists(old)) {
        freed += Files.size(old);
        Files.deleteIfExists(old);
      }
    }
    return freed;
  }

  private static Path path(Path folder) {
    return folder.resolve("cursor");
  }

  private static Place parse(byte[] data) {
    if (data.length != BYTES || !Arrays.equals(data, 0, MAGIC.length, MAGIC, 0, MAGIC.length)) {
      return null;
    }
    ByteBuffer bytes = ByteBuffer.wrap(data).order(ByteOrder.LITTLE_ENDIAN);
    return bytes.getInt(CHECKED_BYTES) == checksum(data)
        ? new Place(bytes.getLong(MAGIC.length), bytes.getLong(MAGIC.length + Long.BYTES))
        : null;
  }

  private static int checksum(byte[] data) {
    CRC32 checksum = new CRC32();
    checksum.update(data, 0, CHECKED_BYTES);
    return (int) checksum.getValue();
  }
}
