package io.runstream;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.runstream.testing.Programs;
import io.runstream.v1.Run;
import io.runstream.v1.RunStatus;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * How much of the disk and of memory what is written takes, and what becomes of it at the bounds.
 */
@Timeout(300)
class SpoolLimitTest extends SpooledTest {

  @Test
  void aSpoolThatCannotBeWrittenCostsAWarningAndNothingElse() throws Exception {
    Files.writeString(spool, "a file where the folder should be");
    try (TrackingClient client = connect(Map.of())) {
      RunHandle run = client.startRun("in memory");
      run.logMetric("loss", 1, 1);
      run.close();
      client.flush(MINUTE);
      assertEquals(1, client.histories().get(run.runId(), "loss").size());
      Files.delete(spool);
    }
  }

  @Test
  void aSpoolThatIsFullGoesOnInMemoryAndTheOrderStays() throws Exception {
    try (TrackingClient client = connect(Map.of("RUNSTREAM_SPOOL_LIMIT", "20kB"))) {
      RunHandle run = client.startRun("more than there is room for");
      server.kill();
      for (int i = 0; i < 500; i++) {
        run.setTag("note", "x".repeat(100) + i);
      }
      run.close();
      server.restart();
      client.flush(MINUTE);
      Run stored = client.runs().get(run.runId());
      assertEquals(RunStatus.FINISHED, stored.getInfo().getStatus());
      assertTrue(
          stored.getData().getTagsList().stream()
              .anyMatch(tag -> tag.getValue().equals("x".repeat(100) + 499)));
    }
    assertEquals(List.of(), folders());
  }

  @Test
  void theLimitIsOneForAllProcessesOfTheSpool() throws Exception {
    Path other = Files.createDirectories(spool.resolve("host-1-01234567/batches"));
    Files.write(other.resolve("00000001.log"), new byte[95_000]);
    try (TrackingClient client = connect(Map.of("RUNSTREAM_SPOOL_LIMIT", "100kB"))) {
      RunHandle run = client.startRun("more than there is room for");
      server.kill();
      for (int i = 0; i < 20; i++) {
        run.setTag("note", "x".repeat(1_000) + i);
      }
      Thread.sleep(1_000); // in which the uploader would have written all of it
      assertTrue(Folders.countBytes(spool) <= 100_000, Folders.countBytes(spool) + " bytes");
      run.close();
      server.restart();
      client.flush(MINUTE);
      assertEquals(RunStatus.FINISHED, client.runs().get(run.runId()).getInfo().getStatus());
    }
  }

  /** Logs many points while nobody answers, and ends when all of them are delivered. */
  public static final class Talker {
    public static void main(String[] arguments) throws Exception {
      long count = Long.parseLong(arguments[1]);
      TrackingClient client = TrackingClient.connect(arguments[0]);
      RunHandle run = client.startRun("talks");
      for (long step = 0; step < count; step++) {
        run.logMetric("loss", step, 1_700_000_000_000L + step, step);
      }
      System.out.println(run.runId());
      client.flush(Duration.ofSeconds(200));
      run.close();
      client.close();
    }
  }

  @Test
  void aLongOutageCostsDiskAndNoMemory() throws Exception {
    long count = 5_000_000; // 100 MB
    String uri = server.uri();
    server.kill();
    ProcessBuilder program =
        Programs.java(Talker.class, List.of("-Xmx160m"), uri, String.valueOf(count));
    program.environment().put("RUNSTREAM_SPOOL", spool.toString());
    Process process = program.redirectError(ProcessBuilder.Redirect.INHERIT).start();
    String id = firstLine(process);
    server.restart();
    assertEquals(0, process.waitFor());
    try (TrackingClient client = TrackingClient.connect(uri)) {
      assertEquals(count, client.histories().get(id, "loss").size());
    }
    assertEquals(List.of(), folders());
  }
}
