package io.runstream;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.runstream.testing.Python;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Folders that a JVM leaves alone, or of which it cannot deliver all. */
@Timeout(240)
class BadFoldersTest extends SpooledTest {
  @Test
  void aFolderOfAnotherServerIsLeftAlone() throws Exception {
    leave("grpc://127.0.0.1:1", 100);
    checkLeftAlone(folders().get(0));
  }

  @Test
  void aFolderOfAnotherMachineIsLeftAlone() throws Exception {
    server.kill();
    leave(server.uri(), 100);
    Path left = folders().get(0);
    Path info = left.resolve("spool.json");
    String text = Files.readString(info);
    Files.writeString(info, text.replaceAll("\"host\": \"[^\"]*\"", "\"host\": \"another\""));
    server.restart();
    checkLeftAlone(left);
  }

  @Test
  void aFolderWithALinkInItIsLeftAlone() throws Exception {
    server.kill();
    leave(server.uri(), 100);
    Path left = folders().get(0);
    Path log = left.resolve("batches/00000001.log");
    Path target = Files.move(log, folder.resolve("elsewhere"));
    Files.createSymbolicLink(log, target);
    server.restart();
    checkLeftAlone(left);
  }

  @Test
  void whatTheServerRefusesIsSetAsideAndTheRestDelivered() throws Exception {
    String deleted;
    try (TrackingClient client = TrackingClient.connect(server.uri())) {
      deleted = client.createRun().getRunId();
      client.runs().delete(deleted);
    }
    server.kill();
    leave(server.uri(), 100, deleted);
    Path left = folders().get(0);
    server.restart();
    try (TrackingClient client = connect()) {
      client.startRun("next");
      awaitPass(client);
      assertTrue(Files.size(left.resolve("refused.log")) > 0);
      assertEquals(
          0, LogFiles.countBytes(left.resolve("batches"), Cursor.read(left.resolve("batches"))));
      client.runs().restore(deleted);
      Python.run(List.of("-m", "runstream", "sync", left.toString()));
      assertEquals(100, client.histories().get(deleted, "more").size());
      assertFalse(Files.exists(left));
    }
  }

  @Test
  void bytesThatAreNoFramesAreKeptAndTheRestDelivered() throws Exception {
    server.kill();
    String id = leave(server.uri(), 100_000);
    Path left = folders().get(0);
    Path log = left.resolve("batches/00000001.log");
    long middle;
    try (FrameFile file = new FrameFile(log, 0)) { // behind the start of the run
      file.next(false);
      middle = file.offset();
    }
    byte[] bytes = Files.readAllBytes(log);
    bytes[(int) middle + 20] ^= 1;
    Files.write(log, bytes, StandardOpenOption.TRUNCATE_EXISTING);
    server.restart();
    try (TrackingClient client = connect()) {
      client.startRun("next");
      awaitPass(client);
      int stored = client.histories().get(id, "loss").size();
      assertTrue(0 < stored && stored < 100_000, stored + " points");
      try (Stream<Path> damaged = Files.list(left.resolve("damaged"))) {
        assertEquals(1, damaged.count());
      }
    }
  }

  private void checkLeftAlone(Path left) throws Exception {
    Map<String, Long> before = sizes(left);
    try (TrackingClient client = connect()) {
      client.startRun("next");
      awaitPass(client);
      assertEquals(before, sizes(left));
    }
  }

  private static Map<String, Long> sizes(Path folder) throws IOException {
    Map<String, Long> sizes = new TreeMap<>();
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : files.collect(Collectors.toList())) {
        sizes.put(file.toString(), Files.size(file));
      }
    }
    return sizes;
  }
}
