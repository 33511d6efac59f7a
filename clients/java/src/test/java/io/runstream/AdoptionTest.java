package io.runstream;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.runstream.testing.Programs;
import io.runstream.testing.Proxy;
import io.runstream.testing.Python;
import io.runstream.testing.Server;
import io.runstream.v1.Run;
import io.runstream.v1.RunStatus;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What a process left in the spool is delivered by the next one that logs to the same server. */
@Timeout(240)
class AdoptionTest {
  private static final Duration MINUTE = Duration.ofSeconds(60);

  @TempDir Path folder;
  private Server server;
  private Path spool;

  @BeforeEach
  void startServer() {
    server = Server.start(folder);
    spool = folder.resolve("spool");
  }

  @AfterEach
  void stopServer() {
    server.close();
  }

  /** Logs points, to a run of its own or to one that is named, says its id, and waits. */
  public static final class Writer {
    public static void main(String[] arguments) throws Exception {
      TrackingClient client = TrackingClient.connect(arguments[0]);
      int count = Integer.parseInt(arguments[1]);
      String id = arguments.length > 2 ? arguments[2] : client.startRun("left").runId();
      String key = arguments.length > 2 ? "more" : "loss";
      for (int step = 0; step < count; step++) {
        client.logMetric(id, key, step, 1_700_000_000_000L + step, step);
      }
      client.outbox().buffers.drain(); // which the uploader does every 20 ms
      while (!client.outbox().isStored()) {
        Thread.sleep(10);
      }
      System.out.println(id);
      Thread.sleep(600_000);
    }
  }

  /** Starts a run, looks at what others have left, and ends when its input does. */
  public static final class Next {
    public static void main(String[] arguments) throws Exception {
      try (TrackingClient client = TrackingClient.connect(arguments[0])) {
        client.startRun("next");
        System.out.println("connected");
        System.in.read();
      }
    }
  }

  @Test
  void whatAKilledProgramLoggedWithoutAServerIsDeliveredByTheNextOne() throws Exception {
    server.kill();
    String id = leave(server.uri(), 1_000);
    server.restart();
    try (TrackingClient client = connect()) {
      RunHandle run = client.startRun("next");
      awaitFolders(1); // its own
      Run left = client.runs().get(id);
      assertEquals("left", left.getInfo().getRunName());
      assertEquals(RunStatus.RUNNING, left.getInfo().getStatus());
      assertEquals(1_000, client.histories().get(id, "loss").size());
      run.close();
    }
    assertEquals(List.of(), folders());
  }

  @Test
  void whatAPythonProgramLeftIsDelivered() throws Exception {
    server.kill();
    String id =
        python(
            "import runstream, sys",
            "runstream.set_tracking_uri(sys.argv[1])",
            "with runstream.start_run(run_name='python') as run:",
            "    for step in range(1000):",
            "        runstream.log_metric('loss', step, step)",
            "    print(run.info.run_id)");
    assertEquals(1, folders().size());
    server.restart();
    try (TrackingClient client = connect()) {
      client.startRun("next").close();
      awaitFolders(1);
      assertEquals(RunStatus.FINISHED, client.runs().get(id).getInfo().getStatus());
      assertEquals(1_000, client.histories().get(id, "loss").size());
    }
  }

  @Test
  void aFolderThatAnotherProcessDeliversIsLeftToIt() throws Exception {
    server.kill();
    String id = leave(server.uri(), 1_000);
    Path left = folders().get(0);
    server.restart();
    Process other =
        new ProcessBuilder(
                Python.ROOT.resolve(".venv/bin/python").toString(),
                "-c",
                "import fcntl, sys; file = open(sys.argv[1], 'r+b');"
                    + "fcntl.lockf(file, fcntl.LOCK_EX); print('locked', flush=True);"
                    + "sys.stdin.read()",
                left.resolve("delivery.lock").toString())
            .start();
    assertEquals("locked", firstLine(other));
    try (TrackingClient client = connect()) {
      client.startRun("next");
      awaitPass(client);
      assertTrue(Files.exists(left));
      other.destroyForcibly().waitFor();
      client.adoption().look();
      awaitFolders(1);
      assertEquals(1_000, client.histories().get(id, "loss").size());
    }
  }

  @Test
  void twoProcessesAtOnceDeliverItOnce() throws Exception {
    try (Proxy proxy = new Proxy(server.port())) {
      server.kill();
      int count = 500_000; // which take two seconds
      String id = leave(proxy.uri(), count);
      long size = Folders.countBytes(folders().get(0));
      assertTrue(size > 8 << 20, size + " bytes");
      server.restart();
      long before = proxy.forwarded();
      Process other = start(Next.class, proxy.uri());
      assertEquals("connected", firstLine(other));
      try (TrackingClient client = connect(proxy.uri())) {
        client.startRun("next");
        awaitFolders(2);
        long forwarded = proxy.forwarded() - before;
        assertTrue(forwarded < size * 3 / 2, forwarded + " of " + size + " bytes");
        other.destroyForcibly().waitFor();
      }
      try (TrackingClient client = TrackingClient.connect(server.uri())) {
        assertEquals(count, client.histories().get(id, "loss").size());
      }
    }
  }

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
  void filesThatAPythonProgramKeptAreUploaded() throws Exception {
    server.kill();
    Path file = Files.writeString(folder.resolve("notes.txt"), "notes");
    String id =
        python(
            "import runstream, sys",
            "runstream.set_tracking_uri(sys.argv[1])",
            "with runstream.start_run() as run:",
            "    runstream.log_artifact('" + file + "', synchronous=False)",
            "    print(run.info.run_id)");
    Path left = folders().get(0);
    server.restart();
    try (TrackingClient client = connect()) {
      client.startRun("next");
      awaitFolders(1);
      assertEquals(RunStatus.FINISHED, client.runs().get(id).getInfo().getStatus());
      assertArrayEquals(
          "notes".getBytes(StandardCharsets.UTF_8), client.artifacts().read(id, "notes.txt"));
    }
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
  void aRunWhoseStartIsInALaterFolderIsStartedFirst() throws Exception {
    server.kill();
    String id = leave(server.uri(), 100);
    Path first = folders().get(0);
    leave(server.uri(), 100, id);
    Path info = first.resolve("spool.json"); // now the later one
    String text = Files.readString(info);
    Files.writeString(info, text.replaceAll("(\"created\": \")1", "$12"));
    server.restart();
    try (TrackingClient client = connect()) {
      client.startRun("next");
      awaitFolders(1);
      assertEquals(100, client.histories().get(id, "loss").size());
      assertEquals(100, client.histories().get(id, "more").size());
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

  private String leave(String uri, int count, String... runId) throws Exception {
    List<String> arguments = new ArrayList<>(List.of(uri, String.valueOf(count)));
    arguments.addAll(List.of(runId));
    Process process = start(Writer.class, arguments.toArray(new String[0]));
    String id = firstLine(process);
    process.destroyForcibly().waitFor();
    return id;
  }

  private String python(String... lines) {
    ProcessBuilder program =
        new ProcessBuilder(
            Python.ROOT.resolve(".venv/bin/python").toString(),
            "-c",
            String.join("\n", lines),
            server.uri());
    program.environment().put("RUNSTREAM_SPOOL", spool.toString());
    program.environment().put("RUNSTREAM_EXIT_SECONDS", "1");
    return Programs.run(program).strip();
  }

  private TrackingClient connect() throws IOException {
    return connect(server.uri());
  }

  private TrackingClient connect(String uri) throws IOException {
    return TrackingClient.builder(uri).spool(Map.of("RUNSTREAM_SPOOL", spool.toString())).build();
  }

  private Process start(Class<?> main, String... arguments) throws IOException {
    ProcessBuilder program = Programs.java(main, List.of(), arguments);
    program.environment().put("RUNSTREAM_SPOOL", spool.toString());
    return program.redirectError(ProcessBuilder.Redirect.INHERIT).start();
  }

  private List<Path> folders() throws IOException {
    try (Stream<Path> found = Files.list(spool)) {
      return found.collect(Collectors.toList());
    }
  }

  private void awaitFolders(int count) throws Exception {
    long end = System.nanoTime() + MINUTE.toNanos();
    while (folders().size() != count) {
      assertTrue(System.nanoTime() < end, "there are " + folders());
      Thread.sleep(20);
    }
  }

  private static void awaitPass(TrackingClient client) throws Exception {
    long end = System.nanoTime() + MINUTE.toNanos();
    while (client.adoption().passes() == 0) {
      assertTrue(System.nanoTime() < end, "it has not looked");
      Thread.sleep(20);
    }
  }

  private static String firstLine(Process process) throws IOException {
    return new BufferedReader(
            new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))
        .readLine();
  }
}
