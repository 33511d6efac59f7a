package io.runstream;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Set;

/** One file of frames, read from a place on. One thread at a time may use it. */
final class FrameFile implements AutoCloseable {
  // Bytes that are read at once. A longer frame is read as a whole.
  private static final int BLOCK_BYTES = 2 * 1024 * 1024;
  private static final int MAGIC_BYTES = 4;
  // Bytes in whose checksum no frame was found, after which the rest of the file is damaged. Of a
  // file with real frames they are never more than its size, but every twelfth byte of one that was
  // made to keep readers busy may say that 16 MiB follow.
  private static final long SEARCH_BYTES = 128L * 1024 * 1024;
  private static final ByteBuffer EMPTY = ByteBuffer.allocate(0);

  private final FileChannel file;
  private long offset;
  private long skipped;
  private long searched;
  private boolean isCut;
  private ByteBuffer block = EMPTY; // of which the bytes up to its limit are read
  private long blockStart;

  FrameFile(Path path, long offset) throws IOException {
    this.file = LogFiles.open(path, Set.of(StandardOpenOption.READ));
    this.offset = offset;
  }

  /** Returns where the next frame should begin. */
  long offset() {
    return offset;
  }

  /**
   * Returns the payload of the next frame; null at the end of the file, or if bytes were passed
   * over that are no frame.
   *
   * @param mayGrow whether what follows the last frame may be a frame that is being written
   */
  byte[] next(boolean mayGrow) throws IOException {
    long start = offset;
    skipped = 0;
    byte[] payload = payloadAt(start);
    if (payload == null) {
      long found = findFrame(start + 1);
      long end = found >= 0 ? found : mayGrow ? start : file.size();
      block = EMPTY; // what is kept of the file may be a frame as it was while it was written
      if (end <= start) {
        return null;
      }
      payload = payloadAt(start);
      if (payload == null) {
        offset = end;
        skipped = end - start;
        isCut = isCut(start, end);
        return null;
      }
    }
    offset = start + Frames.HEADER_BYTES + payload.length;
    return payload;
  }

  /** Returns how many bytes before the offset are no frame; 0 if {@link #next} found none. */
  long skipped() {
    return skipped;
  }

  /**
   * Returns whether these are the beginning of the last frame of the file, whose writer was killed
   * in the middle of it.
   */
  boolean isCut() {
    return isCut;
  }

  @Override
  public void close() throws IOException {
    file.close();
  }

  private boolean isCut(long start, long end) throws IOException {
    if (searched > SEARCH_BYTES || end < file.size()) {
      return false;
    }
    ByteBuffer head = read(start, Frames.HEADER_BYTES);
    if (head.limit() < Frames.HEADER_BYTES) {
      return Frames.mayBegin(head);
    }
    return Frames.parseLength(head, 0) > end - start - Frames.HEADER_BYTES;
  }

  private ByteBuffer read(long start, int size) throws IOException {
    ByteBuffer bytes = ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
    for (int count = 0; bytes.hasRemaining() && count >= 0; ) {
      count = file.read(bytes, start + bytes.position());
    }
    return bytes.flip();
  }

  /** Returns the payload of the frame that begins at a place; null if none does. */
  private byte[] payloadAt(long start) throws IOException {
    int position = load(start, Frames.HEADER_BYTES);
    int length = position < 0 ? 0 : Frames.parseLength(block, position);
    position = length == 0 ? -1 : load(start, Frames.HEADER_BYTES + length);
    if (position < 0) {
      return null;
    }
    byte[] payload = Frames.parsePayload(block, position, length);
    searched += payload == null ? length : 0;
    return payload;
  }

  /** Returns where in the block some bytes of the file are; -1 if the file ends before. */
  private int load(long start, int size) throws IOException {
    long position = start - blockStart;
    if (position < 0 || position + size > block.limit()) {
      block = read(start, Math.max(size, BLOCK_BYTES));
      blockStart = start;
      position = 0;
    }
    return position + size <= block.limit() ? (int) position : -1;
  }

  /** Returns where the next frame begins at a place or behind it; -1 if there is none. */
  private long findFrame(long from) throws IOException {
    long start = from;
    for (int position; searched <= SEARCH_BYTES && (position = load(start, MAGIC_BYTES)) >= 0; ) {
      int found = Frames.findMagic(block.array(), position, block.limit());
      if (found < 0) { // the letters may begin in the last bytes of the block
        start = blockStart + block.limit() - MAGIC_BYTES + 1;
      } else {
        start = blockStart + found;
        if (payloadAt(start) != null) {
          return start;
        }
        start++;
      }
    }
    return -1;
  }
}
