package io.runstream;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.runstream.testing.Python;
import io.runstream.v1.UpdateRunRequest;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Runs that the server does not know, because their start waits in another folder of the spool. */
@Timeout(120)
class UnknownRunTest extends SpooledTest {

  @Test
  void aRunWhoseStartWaitsInAnotherFolderIsStartedWhenItIsMissed() throws Exception {
    String uri = server.uri();
    server.kill();
    String[] ids = leaveTrainer(uri);
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
      assertEquals("ended", client.runs().get(ids[0]).getInfo().getRunName());
    }
    Python.run(List.of("-m", "runstream", "sync", spool.toString()));
    try (TrackingClient client = TrackingClient.connect(uri)) {
      assertEquals(1_000, client.histories().get(ids[0], "loss").size());
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
    String id = leaveTrainer(uri)[0];
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

  /** Kills a trainer once what it said is on the disk; returns the ids of its runs. */
  private String[] leaveTrainer(String uri) throws Exception {
    Process process = start(SpoolTest.Trainer.class, uri);
    String[] ids = firstLine(process).split(" ");
    process.destroyForcibly().waitFor();
    return ids;
  }
}
