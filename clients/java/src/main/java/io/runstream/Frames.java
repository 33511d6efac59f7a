package io.runstream;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.zip.CRC32;

/** Frames: messages in a file, one after the other, each with its length and its checksum. */
final class Frames {
  /** Bytes in front of the payload. */
  static final int HEADER_BYTES = 12;

  /** The longest payload. */
  static final int MAX_PAYLOAD_BYTES = 16 * 1024 * 1024;

  private static final byte[] MAGIC = "RSF1".getBytes(StandardCharsets.US_ASCII);
  private static final int CHECKSUM = 8; // its place in the header

  private Frames() {}

  /** Returns the bytes that stand in front of a payload. */
  static ByteBuffer makeHeader(byte[] payload) {
    if (payload.length < 1 || payload.length > MAX_PAYLOAD_BYTES) {
      throw new IllegalArgumentException(
          "a frame has 1 to " + MAX_PAYLOAD_BYTES + " bytes, not " + payload.length);
    }
    ByteBuffer header = ByteBuffer.allocate(HEADER_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    header.put(MAGIC).putInt(payload.length);
    header.putInt(checksum(header.array(), 0, payload, 0, payload.length));
    return header.flip();
  }

  /**
   * Returns the length of the payload of a frame that begins at a place of a block; 0 if none does.
   *
   * @param block bytes of a file
   * @param start the place, with at least a header behind it
   */
  static int parseLength(ByteBuffer block, int start) {
    if (findMagic(block.array(), start, start + MAGIC.length) != start) {
      return 0;
    }
    int length = block.getInt(start + MAGIC.length);
    return length < 0 || length > MAX_PAYLOAD_BYTES ? 0 : length;
  }

  /** Returns the payload of a frame that is there as a whole; null if its checksum is another. */
  static byte[] parsePayload(ByteBuffer block, int start, int length) {
    int first = start + HEADER_BYTES;
    int checksum = checksum(block.array(), start, block.array(), first, length);
    return checksum == block.getInt(start + CHECKSUM)
        ? Arrays.copyOfRange(block.array(), first, first + length)
        : null;
  }

  /** Returns whether fewer bytes than a header may be the beginning of one. */
  static boolean mayBegin(ByteBuffer head) {
    int size = Math.min(head.limit(), MAGIC.length);
    return Arrays.equals(head.array(), 0, size, MAGIC, 0, size);
  }

  /** Returns where the letters of a frame are in some bytes; -1 if they are not there. */
  static int findMagic(byte[] data, int from, int to) {
    for (int start = from; start + MAGIC.length <= to; start++) {
      if (Arrays.equals(data, start, start + MAGIC.length, MAGIC, 0, MAGIC.length)) {
        return start;
      }
    }
    return -1;
  }

  private static int checksum(byte[] frame, int start, byte[] payload, int first, int length) {
    CRC32 checksum = new CRC32();
    checksum.update(frame, start + MAGIC.length, CHECKSUM - MAGIC.length);
    checksum.update(payload, first, length);
    return (int) checksum.getValue();
  }
}
