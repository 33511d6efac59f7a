package io.runstream;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Files of frames whose bytes are not all frames. */
class FrameFileTest {
  private static final byte[] PAYLOAD = {1, 2, 3};

  @TempDir Path folder;

  @Test
  void aFileThatIsMadeToKeepReadersBusyIsGivenUpInTheEnd() throws IOException {
    Path path = write(9); // the search ends after eight times 16 MiB, and this one
    try (FrameFile file = new FrameFile(path, 0)) {
      assertNull(file.next(false));
      assertEquals(Files.size(path), file.skipped());
      assertFalse(file.isCut());
    }
  }

  @Test
  void aFrameBehindFewerOfThemIsFound() throws IOException {
    try (FrameFile file = new FrameFile(write(8), 0)) {
      assertNull(file.next(false));
      assertArrayEquals(PAYLOAD, file.next(false));
    }
  }

  /** Returns a file with heads of frames, after each of which 16 MiB follow, and one real frame. */
  private Path write(int heads) throws IOException {
    int size = Frames.MAX_PAYLOAD_BYTES + heads * Frames.HEADER_BYTES;
    ByteBuffer bytes =
        ByteBuffer.allocate(size + Frames.HEADER_BYTES + PAYLOAD.length)
            .order(ByteOrder.LITTLE_ENDIAN);
    for (int head = 0; head < heads; head++) {
      bytes
          .put("RSF1".getBytes(StandardCharsets.US_ASCII))
          .putInt(Frames.MAX_PAYLOAD_BYTES)
          .putInt(0);
    }
    bytes.position(size);
    bytes.put(Frames.makeHeader(PAYLOAD)).put(PAYLOAD);
    return Files.write(folder.resolve("00000001.log"), bytes.array());
  }
}
