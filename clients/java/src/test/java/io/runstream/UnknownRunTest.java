package io.runstream;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.runstream.testing.Programs;
import io.runstream.testing.Python;
import io.runstream.testing.Server;
import io.runstream.v1.UpdateRunRequest;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Runs that the server does not know, because their start waits in another folder of the spool. */
@Timeout(120)
class UnknownRunTest {
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

  @Test
  void aRunWhoseStartWaitsInAnotherFolderIsStartedWhenItIsMissed() throws Exception {
    String uri = server.uri();
    server.kill();
    ProcessBuilder program = Programs.java(SpoolTest.Trainer.class, List.of(), uri);
    program.environment().put("RUNSTREAM_SPOOL", spool.toString());
    Process process = program.start();
    List<String> ids =
        List.of(
            new BufferedReader(
                    new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))
                .readLine()
                .split(" "));
    process.destroyForcibly().waitFor();
    server.restart();
    try (TrackingClient client = connect()) {
      for (String id : ids) {
        client.logMetric(id, "later", 2, 1);
        client.logParam(id, "after", "all");
      }
      client.flush(MINUTE);
      for (String id : ids) {
        assertEquals(1, client.histories().get(id, "later").size());
      }
      assertEquals("ended", client.runs().get(ids.get(0)).getInfo().getRunName());
    }
    Python.run(List.of("-m", "runstream", "sync", spool.toString()));
    try (TrackingClient client = TrackingClient.connect(uri)) {
      assertEquals(1_000, client.histories().get(ids.get(0), "loss").size());
    }
  }

  @Test
  void aRunThatNobodyHasStartedIsRefusedOnceAndTheRestIsDelivered() throws Exception {
    try (TrackingClient client = connect()) {
      RunHandle run = client.startRun("known");
      run.logMetric("loss", 1, 1);
      client.logMetric("f".repeat(32), "loss", 1, 1);
      run.logMetric("loss", 1, 2);
      TrackingException refusal = assertThrows(TrackingException.class, () -> client.flush(MINUTE));
      assertEquals("RUN_NOT_FOUND", refusal.reason());
      run.close();
      client.flush(MINUTE);
      assertEquals(2, client.histories().get(run.runId(), "loss").size());
    }
  }

  @Test
  void aCallAboutARunWhoseStartWaitsInAnotherFolderSendsThatFirst() throws Exception {
    String uri = server.uri();
    server.kill();
    ProcessBuilder program = Programs.java(SpoolTest.Trainer.class, List.of(), uri);
    program.environment().put("RUNSTREAM_SPOOL", spool.toString());
    Process process = program.start();
    String id =
        new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))
            .readLine()
            .split(" ")[0];
    process.destroyForcibly().waitFor();
    server.restart();
    try (TrackingClient client = connect()) {
      client.artifacts().upload(id, new byte[] {1, 2, 3}, "three.bin");
      assertEquals("ended", client.runs().get(id).getInfo().getRunName());
      assertEquals(3, client.artifacts().get(id, "three.bin").getFileSize());
    }
  }

  @Test
  void aCallAboutARunWaitsForItsStartThatIsOnItsWay() throws Exception {
    try (TrackingClient client = connect()) {
      RunHandle first = client.startRun("first");
      server.kill();
      for (int step = 0; step < 2_000_000; step++) { // 40 MB that go before the start
        first.logMetric("loss", step, 1_700_000_000_000L + step, step);
      }
      RunHandle late = client.startRun("late");
      server.restart();
      UpdateRunRequest rename =
          UpdateRunRequest.newBuilder().setRunId(late.runId()).setRunName("renamed").build();
      assertEquals("renamed", client.runs().update(rename).getRunName());
      client.artifacts().upload(late.runId(), new byte[] {1}, "one.bin");
    }
  }

  private TrackingClient connect() throws Exception {
    return TrackingClient.builder(server.uri())
        .spool(Map.of("RUNSTREAM_SPOOL", spool.toString()))
        .build();
  }
}
