package io.runstream;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.grpc.Status;
import io.runstream.testing.Programs;
import io.runstream.testing.Python;
import io.runstream.v1.CreateRunRequest;
import io.runstream.v1.SpoolRefusal;
import java.io.BufferedReader;
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
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What a server refuses of a program that runs is kept in its folder of the spool. */
@Timeout(120)
class KeptRefusalsTest extends SharedServerTest {
  private static final Duration MINUTE = Duration.ofSeconds(60);
  private static final int POINTS = 100;

  @TempDir Path programFolder;
  private Path spool;

  @BeforeEach
  void chooseSpool() {
    spool = programFolder.resolve("spool");
  }

  /** Starts a run, waits for a line, logs points to it one by one, and ends. */
  public static final class Trainer {
    public static void main(String[] arguments) throws Exception {
      TrackingClient client = TrackingClient.connect(arguments[0]);
      RunHandle run = client.startRun("deleted meanwhile");
      System.out.println(run.runId());
      System.in.read();
      for (int step = 0; step < POINTS; step++) {
        try {
          run.logMetric("loss", 1, step);
        } catch (TrackingException refused) {
          run.logMetric("loss", 1, step);
        }
      }
    }
  }

  @Test
  void whatADeletedRunIsRefusedIsKeptAndDeliveredOnceTheRunIsBack() throws Exception {
    ProcessBuilder program = Programs.java(Trainer.class, List.of(), server.uri());
    program.environment().put("RUNSTREAM_SPOOL", spool.toString());
    Process process = program.start();
    String id =
        new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))
            .readLine();
    client.runs().delete(id);
    process.getOutputStream().write('\n');
    process.getOutputStream().flush();
    String words = new String(process.getErrorStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, process.waitFor(), words);

    Path left = folders().get(0);
    List<SpoolRefusal> refusals = refusals(left);
    assertTrue(!refusals.isEmpty(), words);
    for (SpoolRefusal refusal : refusals) {
      assertEquals("RUN_DELETED", refusal.getError().getReason());
      assertTrue(refusal.hasBatch());
    }
    String kept = "refused " + refusals.size() + " batches, which are kept in " + left + ": ";
    assertTrue(words.contains(kept + refusals.size() + " of run " + id), words);

    client.runs().restore(id);
    Python.run(List.of("-m", "runstream", "sync", left.toString()));
    assertEquals(POINTS, client.histories().get(id, "loss").size());
    assertEquals(List.of(), folders());
  }

  @Test
  void aStartInAnExperimentThatIsNotThereIsThrownAndNotKept() throws Exception {
    CreateRunRequest request = CreateRunRequest.newBuilder().setExperimentId("999").build();
    try (TrackingClient other = connect(Map.of())) {
      TrackingException error =
          assertThrows(TrackingException.class, () -> other.startRun(request));
      assertEquals(Status.Code.NOT_FOUND, error.code());
    }
    assertEquals(List.of(), folders());
  }

  @Test
  void aMistakeInTheContentIsThrownAndNotKept() throws Exception {
    String id = client.createRun().getRunId();
    client.logParam(id, "rate", "0.1");
    client.flush(MINUTE);
    try (TrackingClient other = connect(Map.of())) {
      other.logParam(id, "rate", "0.2");
      assertThrows(TrackingException.class, () -> other.flush(MINUTE));
    }
    assertEquals(List.of(), folders());
  }

  @Test
  void refusalsThatTheLimitHasNoRoomForAreThrownAndNotKept() throws Exception {
    String id = client.createRun().getRunId();
    client.runs().delete(id);
    try (TrackingClient other = connect(Map.of("RUNSTREAM_SPOOL_LIMIT", "100kB"))) {
      for (int number = 0; number < 40; number++) {
        String key = "t" + number;
        other.setTag(id, key, "x".repeat(5_000));
        assertThrows(TrackingException.class, () -> other.flush(MINUTE));
      }
    }
    long size = Files.size(folders().get(0).resolve("refused.log"));
    assertTrue(0 < size && size < 100_000, size + " bytes");
  }

  private TrackingClient connect(Map<String, String> variables) throws Exception {
    Map<String, String> environment = new HashMap<>(variables);
    environment.put("RUNSTREAM_SPOOL", spool.toString());
    return TrackingClient.builder(server.uri()).spool(environment).build();
  }

  private List<Path> folders() throws Exception {
    if (!Files.isDirectory(spool)) {
      return List.of();
    }
    try (Stream<Path> found = Files.list(spool)) {
      return found.collect(Collectors.toList());
    }
  }

  private static List<SpoolRefusal> refusals(Path folder) throws Exception {
    List<SpoolRefusal> refusals = new ArrayList<>();
    try (FrameFile file = new FrameFile(folder.resolve("refused.log"), 0)) {
      for (byte[] payload; (payload = file.next(false)) != null; ) {
        refusals.add(SpoolRefusal.parseFrom(payload));
      }
    }
    return refusals;
  }
}
