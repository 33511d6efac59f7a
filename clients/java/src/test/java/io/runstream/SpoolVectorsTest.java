package io.runstream;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.Gson;
import io.runstream.testing.Python;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/** The test vectors of docs/spool.md, which the Python client reads, too. */
class SpoolVectorsTest {
  private static final Path VECTORS = Python.ROOT.resolve("tests/vectors/spool");

  @TempDir Path folder;

  /** An entry of the index. */
  static final class Vector {
    String name;
    String log;
    Start start;
    List<Frame> frames;
    List<Damage> damaged;
  }

  /** Where a reader begins. */
  static final class Start {
    long file;
    long offset;
  }

  /** What a frame has, as hexadecimal digits. */
  static final class Frame {
    String payload;
  }

  /** Bytes that are no frames. */
  static final class Damage {
    long file;
    long offset;
    long size;
    boolean cut;

    @Override
    public String toString() {
      return file + ":" + offset + " " + size + " " + cut;
    }
  }

  @TestFactory
  List<DynamicTest> aLogIsReadAsThePythonClientReadsIt() throws IOException {
    return vectors().stream()
        .map(vector -> DynamicTest.dynamicTest(vector.name, () -> check(vector)))
        .collect(Collectors.toList());
  }

  private static void check(Vector vector) throws IOException {
    Path log = VECTORS.resolve(vector.log);
    if (!log.getFileName().toString().matches("batches|tasks")) {
      return; // a single file, which this client does not read
    }
    Place start = Cursor.read(log);
    assertEquals(new Place(vector.start.file, vector.start.offset), start);
    List<String> damaged = new ArrayList<>();
    List<String> payloads = new ArrayList<>();
    try (LogReader reader =
        new LogReader(
            log, start, (place, size, isCut) -> damaged.add(place + " " + size + " " + isCut))) {
      for (byte[] payload; (payload = reader.next(false)) != null; ) {
        payloads.add(hex(payload));
      }
    }
    assertEquals(
        vector.frames.stream().map(frame -> frame.payload).collect(Collectors.toList()), payloads);
    assertEquals(
        vector.damaged.stream().map(Damage::toString).collect(Collectors.toList()), damaged);
  }

  @Test
  void aLogIsWrittenAsThePythonClientWritesIt() throws IOException {
    Vector whole = vectors().get(0);
    assertEquals("whole", whole.name);
    try (LogWriter writer = new LogWriter(folder, false)) {
      for (Frame frame : whole.frames) {
        writer.append(bytes(frame.payload));
      }
    }
    assertEquals(
        hex(Files.readAllBytes(LogFiles.path(VECTORS.resolve(whole.log), 1))),
        hex(Files.readAllBytes(LogFiles.path(folder, 1))));
    Vector moved =
        vectors().stream().filter(vector -> vector.name.equals("cursor")).findFirst().get();
    try (Cursor cursor = new Cursor(folder)) {
      cursor.move(new Place(moved.start.file, moved.start.offset));
    }
    assertEquals(
        hex(Files.readAllBytes(VECTORS.resolve(moved.log).resolve("cursor"))),
        hex(Files.readAllBytes(folder.resolve("cursor"))));
  }

  private static List<Vector> vectors() throws IOException {
    String index = Files.readString(VECTORS.resolve("index.json"));
    List<Vector> vectors = List.of(new Gson().fromJson(index, Vector[].class));
    assertTrue(vectors.size() > 5);
    return vectors;
  }

  private static String hex(byte[] data) {
    StringBuilder digits = new StringBuilder();
    for (byte each : data) {
      digits.append(String.format("%02x", each));
    }
    return digits.toString();
  }

  private static byte[] bytes(String hex) {
    byte[] data = new byte[hex.length() / 2];
    for (int i = 0; i < data.length; i++) {
      data[i] = (byte) Integer.parseInt(hex.substring(2 * i, 2 * i + 2), 16);
    }
    return data;
  }
}
