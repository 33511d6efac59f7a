package io.runstream;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.grpc.Status;
import io.runstream.testing.Python;
import io.runstream.v1.CreateRunRequest;
import io.runstream.v1.DatasetInput;
import io.runstream.v1.Run;
import io.runstream.v1.RunStatus;
import io.runstream.v1.RunTag;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What is written is on the disk of this machine first, and survives the program and outages. */
@Timeout(300)
class SpoolTest extends SpooledTest {
  private static final int POINTS = 1_000;

  /** Logs two runs without an answer, says their ids once that is on disk, and waits. */
  public static final class Trainer {
    public static void main(String[] arguments) throws Exception {
      TrackingClient client = TrackingClient.connect(arguments[0]);
      RunHandle ended = client.startRun("ended");
      for (int step = 0; step < POINTS; step++) {
        ended.logMetric("loss", 1.0 / (step + 1), step);
      }
      ended.logParam("rate", "0.1");
      ended.setTag("stage", "trial");
      ended.setTag("temporary", "1");
      ended.deleteTag("temporary");
      DatasetInput.Builder dataset = DatasetInput.newBuilder();
      dataset.getDatasetBuilder().setName("wine").setDigest("1a2b").setSource("here");
      ended.logInputs(List.of(dataset.build()));
      ended.close();
      RunHandle open = client.startRun("open");
      open.logMetric("loss", 1, 1);
      client.outbox().buffers.drain(); // which the uploader does every 20 ms
      while (!client.outbox().isStored()) {
        Thread.sleep(10);
      }
      System.out.println(ended.runId() + " " + open.runId());
      if (arguments.length == 1) {
        Thread.sleep(600_000);
      }
    }
  }

  @Test
  void whatAKilledProgramLoggedWithoutAServerIsDeliveredByPythonsSync() throws Exception {
    String uri = server.uri();
    server.kill();
    Process process = start(Trainer.class, uri);
    List<String> ids = List.of(firstLine(process).split(" "));
    process.destroyForcibly().waitFor();
    assertEquals(1, folders().size());
    Path left = folders().get(0);
    assertEquals(PosixFilePermissions.fromString("rwx------"), Files.getPosixFilePermissions(left));
    assertEquals(
        PosixFilePermissions.fromString("rw-------"),
        Files.getPosixFilePermissions(left.resolve("spool.json")));
    server.restart();
    Python.run(List.of("-m", "runstream", "sync", spool.toString()));
    assertEquals(List.of(), folders());
    try (TrackingClient client = TrackingClient.connect(uri)) {
      checkEndedRun(client, ids.get(0));
      Run open = client.runs().get(ids.get(1));
      assertEquals(RunStatus.RUNNING, open.getInfo().getStatus());
      assertEquals(1, open.getData().getMetricsCount());
    }
  }

  private static void checkEndedRun(TrackingClient client, String id) {
    Run run = client.runs().get(id);
    assertEquals("ended", run.getInfo().getRunName());
    assertEquals(RunStatus.FINISHED, run.getInfo().getStatus());
    assertEquals(POINTS, client.histories().get(id, "loss").size());
    assertEquals("0.1", run.getData().getParams(0).getValue());
    Map<String, String> tags =
        run.getData().getTagsList().stream()
            .collect(Collectors.toMap(RunTag::getKey, RunTag::getValue));
    assertEquals("trial", tags.get("stage"));
    assertNull(tags.get("temporary"));
    assertEquals("wine", run.getInputs().getDatasetInputs(0).getDataset().getName());
  }

  @Test
  void aProgramThatEndsWithoutAServerSaysWhereTheRestLiesAndItIsThere() throws Exception {
    String uri = server.uri();
    server.kill();
    Process process = program(Trainer.class, uri, "and ends").start();
    List<String> ids = List.of(firstLine(process).split(" "));
    String words = new String(process.getErrorStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, process.waitFor());
    Path left = folders().get(0);
    assertTrue(words.contains("; it is kept in " + left + ":"), words);
    assertTrue(words.contains("`runstream sync " + spool + "` sends it"), words);
    assertFalse(words.contains("lost"), words);
    server.restart();
    Python.run(List.of("-m", "runstream", "sync", left.toString()));
    try (TrackingClient client = TrackingClient.connect(uri)) {
      checkEndedRun(client, ids.get(0));
      assertEquals(
          RunStatus.FINISHED, client.runs().get(ids.get(1)).getInfo().getStatus()); // as it ended
    }
  }

  @Test
  void runsThatStartWhileTheServerIsAwayAreThereWhenItIsBack() throws Exception {
    server.kill();
    try (TrackingClient client = connect(Map.of())) {
      RunHandle first = client.startRun("first"); // which finds out that nobody answers
      assertTrue(first.runId().matches("[0-9a-f]{32}"));
      first.logMetric("loss", 1, 1);
      long started = System.nanoTime();
      for (int i = 0; i < 100; i++) {
        client.startRun("").close();
      }
      double seconds = (System.nanoTime() - started) / 1e9;
      assertTrue(seconds < 20, seconds + " s for starts that wait for nobody");
      RunHandle named = client.startRun("");
      assertTrue(named.info().getRunName().matches("[a-z]+-[a-z]+-\\d+"), named.info().toString());
      RunHandle resumed = client.resumeRun(first.runId());
      server.restart();
      client.flush(MINUTE);
      assertEquals(named.info(), client.runs().get(named.runId()).getInfo());
      assertEquals(RunStatus.RUNNING, client.runs().get(resumed.runId()).getInfo().getStatus());
      named.close();
      resumed.close();
      first.close();
    }
    assertEquals(List.of(), folders(), "what is delivered leaves nothing behind");
  }

  @Test
  void whatTheServerRefusesOfARunThatStartedWithoutItIsThrownByALaterCall() throws Exception {
    server.kill();
    try (TrackingClient client = connect(Map.of())) {
      RunHandle run = client.startRun(CreateRunRequest.newBuilder().setExperimentId("99").build());
      server.restart();
      TrackingException refusal = assertThrows(TrackingException.class, () -> run.flush(MINUTE));
      assertEquals(Status.Code.NOT_FOUND, refusal.code());
      TrackingException atOnce =
          assertThrows(
              TrackingException.class,
              () -> client.startRun(CreateRunRequest.newBuilder().setExperimentId("99").build()));
      assertEquals(Status.Code.NOT_FOUND, atOnce.code());
    }
  }

  @Test
  void anOfflineClientWritesToItsFolderAndReadsNothing() throws Exception {
    Path offline = folder.resolve("offline");
    String id;
    try (TrackingClient client = TrackingClient.connect("offline:" + offline)) {
      RunHandle run = client.startRun("offline");
      id = run.runId();
      run.logMetric("loss", 0.5, 1);
      TrackingException error =
          assertThrows(TrackingException.class, () -> client.runs().get(run.runId()));
      assertEquals(Status.Code.UNAVAILABLE, error.code());
      assertEquals("OFFLINE", error.reason());
      run.close();
      client.flush(MINUTE);
    }
    Python.run(List.of("-m", "runstream", "sync", offline.toString(), "--to", server.uri()));
    try (TrackingClient client = TrackingClient.connect(server.uri())) {
      assertEquals(RunStatus.FINISHED, client.runs().get(id).getInfo().getStatus());
      assertEquals(1, client.histories().get(id, "loss").size());
    }
  }

  @Test
  void namesAreMadeOfTheWordsOfThePythonClient() {
    String words =
        Python.run(
            List.of(
                "-c",
                "from runstream.contract import generated_names as names;"
                    + "print(*sorted(names._ADJECTIVES)); print(*sorted(names._NOUNS))"));
    assertEquals(
        words,
        String.join(" ", new TreeSet<>(GeneratedNames.ADJECTIVES))
            + "\n"
            + String.join(" ", new TreeSet<>(GeneratedNames.NOUNS))
            + "\n");
  }
}
