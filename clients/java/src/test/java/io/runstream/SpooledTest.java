package io.runstream;

import static org.junit.jupiter.api.Assertions.assertTrue;

import io.runstream.testing.Programs;
import io.runstream.testing.Python;
import io.runstream.testing.Server;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/** A server, a spool, and programs that write into it. */
abstract class SpooledTest {
  static final Duration MINUTE = Duration.ofSeconds(60);

  @TempDir Path folder;
  Server server;
  Path spool;

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

  String leave(String uri, int count, String... runId) throws Exception {
    List<String> arguments = new ArrayList<>(List.of(uri, String.valueOf(count)));
    arguments.addAll(List.of(runId));
    Process process = start(Writer.class, arguments.toArray(new String[0]));
    String id = firstLine(process);
    process.destroyForcibly().waitFor();
    return id;
  }

  String python(String... lines) {
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

  TrackingClient connect() throws IOException {
    return connect(server.uri());
  }

  TrackingClient connect(String uri) throws IOException {
    return connect(uri, Map.of());
  }

  TrackingClient connect(Map<String, String> variables) throws IOException {
    return connect(server.uri(), variables);
  }

  private TrackingClient connect(String uri, Map<String, String> variables) throws IOException {
    Map<String, String> environment = new HashMap<>(variables);
    environment.put("RUNSTREAM_SPOOL", spool.toString());
    return TrackingClient.builder(uri).spool(environment).build();
  }

  Process start(Class<?> main, String... arguments) throws IOException {
    return program(main, arguments).redirectError(ProcessBuilder.Redirect.INHERIT).start();
  }

  ProcessBuilder program(Class<?> main, String... arguments) {
    ProcessBuilder program = Programs.java(main, List.of(), arguments);
    program.environment().put("RUNSTREAM_SPOOL", spool.toString());
    program.environment().put("RUNSTREAM_EXIT_SECONDS", "1");
    return program;
  }

  List<Path> folders() throws IOException {
    if (!Files.isDirectory(spool)) {
      return List.of();
    }
    try (Stream<Path> found = Files.list(spool)) {
      return found.collect(Collectors.toList());
    }
  }

  void awaitFolders(int count) throws Exception {
    long end = System.nanoTime() + MINUTE.toNanos();
    while (folders().size() != count) {
      assertTrue(System.nanoTime() < end, "there are " + folders());
      Thread.sleep(20);
    }
  }

  static void awaitPass(TrackingClient client) throws Exception {
    long end = System.nanoTime() + MINUTE.toNanos();
    while (client.adoption().passes() == 0) {
      assertTrue(System.nanoTime() < end, "it has not looked");
      Thread.sleep(20);
    }
  }

  static String firstLine(Process process) throws IOException {
    return new BufferedReader(
            new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))
        .readLine();
  }
}
