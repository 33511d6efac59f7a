package io.runstream;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.grpc.Status;
import io.runstream.testing.Programs;
import io.runstream.testing.Server;
import io.runstream.testing.Training;
import io.runstream.v1.Alert;
import io.runstream.v1.AlertLevel;
import io.runstream.v1.AlertServiceGrpc;
import io.runstream.v1.CreateRunRequest;
import io.runstream.v1.ListAlertsRequest;
import io.runstream.v1.Metric;
import io.runstream.v1.Run;
import io.runstream.v1.RunStatus;
import io.runstream.v1.RunTag;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The handle of a run: how it ends, and what it says of what was refused. */
class RunHandleTest extends SharedServerTest {
  private static final Duration SECONDS = Duration.ofSeconds(20);

  @Test
  void aClosedRunIsFinishedAndHasWhatWasLogged() { // R5
    RunHandle handle = client.startRun("baseline");
    try (RunHandle run = handle) {
      run.logParam("lr", "0.1");
      run.logParams(Map.of("layers", "3", "optimizer", "adam"));
      run.setTag("team", "risk");
      run.setTags(Map.of("stage", "trial"));
      run.logMetric("loss", 0.5, 1);
      run.logMetric("loss", 0.25, 1_700_000_000_000L, 2);
      run.logMetrics(Map.of("accuracy", 0.9, "epoch", 3), 3);
    }
    Run run = client.runs().get(handle.runId());
    assertEquals("baseline", run.getInfo().getRunName());
    assertEquals(RunStatus.FINISHED, run.getInfo().getStatus());
    assertTrue(run.getInfo().getEndTime() >= run.getInfo().getStartTime());
    assertEquals(run.getInfo(), handle.info());
    assertEquals(
        Map.of("accuracy", 0.9, "epoch", 3.0, "loss", 0.25),
        run.getData().getMetricsList().stream()
            .collect(Collectors.toMap(Metric::getKey, Metric::getValue)));
    assertEquals(3, run.getData().getParamsCount());
    assertEquals("risk", tags(run).get("team"));
    assertEquals("trial", tags(run).get("stage"));
  }

  @Test
  void alertsAreRaisedOnceAMinuteForEachTitle() { // N11
    RunHandle run = client.startRun("alerts");
    for (int step = 0; step < 3; step++) {
      run.alert("loss grows", "it is " + step, AlertLevel.ALERT_LEVEL_WARN);
    }
    run.alert("ended", "", AlertLevel.ALERT_LEVEL_INFO);
    for (String title : List.of("", "a\nb", "x".repeat(251))) {
      assertThrows(
          TrackingException.class, () -> run.alert(title, "", AlertLevel.ALERT_LEVEL_INFO));
    }
    run.close();
    client.flush(SECONDS);
    ListAlertsRequest request = ListAlertsRequest.newBuilder().setRunId(run.runId()).build();
    List<Alert> alerts =
        AlertServiceGrpc.newBlockingStub(client.calls().channel)
            .listAlerts(request)
            .getAlertsList();
    assertEquals(
        List.of("ended  ALERT_LEVEL_INFO", "loss grows it is 0 ALERT_LEVEL_WARN"),
        alerts.stream()
            .map(alert -> alert.getTitle() + " " + alert.getText() + " " + alert.getLevel())
            .collect(Collectors.toList()));
  }

  @Test
  void aClosedRunTakesNothingMore() throws InterruptedException {
    RunHandle handle = client.startRun("closed");
    Training training = new Training(step -> handle.logMetric("m", 1, step));
    training.await(1_000);
    handle.close();
    long steps = training.steps(10_000);
    assertThrows(IllegalStateException.class, () -> handle.logParam("p", "1"));
    assertThrows(IllegalStateException.class, () -> handle.setTag("t", "1"));
    Exception error = new Exception("the loss is NaN");
    assertSame(error, handle.fail(error));
    client.logMetric(handle.runId(), "m", 1, steps); // may still be added
    assertEquals(steps + 1, client.histories().get(handle.runId(), "m").size());
  }

  @Test
  void aRunSaysWhereItComesFrom() { // R4
    CreateRunRequest request =
        CreateRunRequest.newBuilder()
            .addTags(RunTag.newBuilder().setKey("mlflow.source.name").setValue("Training"))
            .build();
    try (RunHandle handle = client.startRun(request)) {
      Map<String, String> tags = tags(client.runs().get(handle.runId()));
      assertEquals(System.getProperty("user.name"), tags.get("mlflow.user"));
      assertEquals("LOCAL", tags.get("mlflow.source.type"));
      assertEquals("Training", tags.get("mlflow.source.name"));
    }
  }

  @Test
  void aRunThatFailsIsFailedAndSaysWhy() { // R5
    RunHandle handle = client.startRun("fails");
    IllegalStateException error = new IllegalStateException("the loss is NaN");
    IllegalStateException thrown =
        assertThrows(
            IllegalStateException.class,
            () -> {
              try (RunHandle run = handle) {
                try {
                  run.logMetric("loss", Double.NaN, 1);
                  throw error;
                } catch (RuntimeException any) {
                  throw run.fail(any);
                }
              }
            });
    assertSame(error, thrown);
    Run run = client.runs().get(handle.runId());
    assertEquals(RunStatus.FAILED, run.getInfo().getStatus());
    assertEquals(error.toString(), tags(run).get(RunHandle.ERROR_TAG));
    assertEquals(1, run.getData().getMetricsCount());
  }

  @Test
  void aRunThatIsInterruptedIsKilledAndTheInterruptStays() throws InterruptedException { // R5
    RunHandle handle = client.startRun("interrupted");
    boolean[] interrupted = new boolean[1];
    Thread training =
        new Thread(
            () -> {
              try (RunHandle run = handle) {
                try {
                  run.logMetric("loss", 1, 1);
                  Thread.sleep(60_000);
                } catch (InterruptedException interrupt) {
                  run.fail(interrupt);
                  Thread.currentThread().interrupt();
                }
              }
              interrupted[0] = Thread.interrupted();
            });
    training.start();
    training.interrupt();
    training.join();
    assertTrue(interrupted[0]);
    Run run = client.runs().get(handle.runId());
    assertEquals(RunStatus.KILLED, run.getInfo().getStatus());
    assertEquals(1, run.getData().getMetricsCount());
  }

  @Test
  void anEndWaitsForNobodyAndIsThereWhenTheServerIsBack(@TempDir Path other)
      throws Exception { // X5
    try (Server away = Server.start(other)) {
      RunHandle run;
      try (TrackingClient client = TrackingClient.connect(away.uri())) {
        run = client.startRun("ends later");
        run.flush(SECONDS);
        away.kill();
        run.logMetric("loss", 1, 1);
        run.close();
        run.close(); // which does nothing any more
        assertEquals(RunStatus.FINISHED, run.info().getStatus());
        assertThrows(IllegalStateException.class, () -> run.logMetric("loss", 1, 2));
        TrackingException late =
            assertThrows(TrackingException.class, () -> run.flush(Duration.ofMillis(100)));
        assertEquals("FLUSH_TIMEOUT", late.reason());
        assertTrue(
            late.getMessage()
                .startsWith(
                    "no answer within 0.100 s for 1 point and 1 change of run "
                        + run.runId()
                        + "; they are kept in "),
            late.getMessage());
        away.restart();
      }
      try (TrackingClient reader = TrackingClient.connect(away.uri())) {
        Run stored = reader.runs().get(run.runId());
        assertEquals(RunStatus.FINISHED, stored.getInfo().getStatus());
        assertEquals(run.info(), stored.getInfo());
        assertEquals(1, stored.getData().getMetricsCount());
      }
    }
  }

  /** Starts a run, and vanishes. */
  public static final class Vanishing {
    public static void main(String[] arguments) {
      TrackingClient client = TrackingClient.connect(arguments[0]);
      RunHandle run = client.startRun("vanishes");
      run.flush(SECONDS);
      System.out.println(run.runId());
      Runtime.getRuntime().halt(0);
    }
  }

  @Test
  void aRunWhoseProcessVanishesAtOnceIsLost(@TempDir Path other) throws Exception { // R8
    try (Server strict = Server.start(other, "--lost-after", "2");
        TrackingClient reader = TrackingClient.connect(strict.uri())) {
      String id = Programs.run(Programs.java(Vanishing.class, List.of(), strict.uri())).trim();
      while (reader.runs().get(id).getInfo().getStatus() == RunStatus.RUNNING) {
        Thread.sleep(100);
      }
      assertEquals(RunStatus.FAILED, reader.runs().get(id).getInfo().getStatus());
    }
  }

  @Test
  void aRefusedBatchTakesNothingWithItAndItsRefusalIsThrownOnce() { // P1, P5, X4
    String id = client.createRun().getRunId();
    client.logParam(id, "lr", "0.1");
    client.flush(SECONDS);
    try (TrackingClient other = TrackingClient.connect(server.uri())) {
      RunHandle run = other.resumeRun(id);
      run.logMetric("loss", 1, 1);
      run.logParam("lr", "0.2");
      run.logMetric("loss", 2, 2);
      run.logParam("layers", "3");
      TrackingException refusal =
          assertThrows(
              TrackingException.class,
              () -> {
                run.close(); // throws it, if it has come already
                run.flush(SECONDS);
              });
      assertEquals("PARAM_IMMUTABLE", refusal.reason());
      run.close();
      run.flush(SECONDS);
    }
    Run run = client.runs().get(id);
    assertEquals(RunStatus.FINISHED, run.getInfo().getStatus());
    assertEquals(2.0, run.getData().getMetrics(0).getValue());
    assertEquals(2, run.getData().getParamsCount());
    assertEquals(2, client.histories().get(id, "loss").size());
  }

  @Test
  void aRefusalOfOneRunIsNothingToAnother() throws InterruptedException { // X4
    RunHandle deleted = client.startRun("deleted");
    RunHandle other = client.startRun("other");
    client.runs().delete(deleted.runId());
    deleted.logMetric("loss", 1, 1);
    other.logMetric("loss", 1, 1);
    other.flush(SECONDS);
    other.close();
    TrackingException refusal = assertThrows(TrackingException.class, () -> deleted.flush(SECONDS));
    assertEquals(Status.Code.FAILED_PRECONDITION, refusal.code());
    deleted.close();
    TrackingException end = assertThrows(TrackingException.class, () -> deleted.flush(SECONDS));
    assertEquals(Status.Code.FAILED_PRECONDITION, end.code());
  }

  @Test
  void theNextCallThrowsWhatWasRefused() throws InterruptedException { // X4
    String id = client.createRun().getRunId();
    client.runs().delete(id);
    TrackingClient other = TrackingClient.connect(server.uri());
    other.logMetric(id, "loss", 1, 1);
    long deadline = System.nanoTime() + SECONDS.toNanos();
    TrackingException refusal = null;
    while (refusal == null && System.nanoTime() < deadline) {
      Thread.sleep(200); // after which it is answered, but for a very slow machine
      try {
        other.logMetric(id, "loss", 1, 1);
      } catch (TrackingException thrown) {
        refusal = thrown;
      }
    }
    assertEquals(Status.Code.FAILED_PRECONDITION, refusal.code());
    try {
      other.close();
    } catch (TrackingException thrown) {
      assertEquals(Status.Code.FAILED_PRECONDITION, thrown.code()); // of a second attempt
    }
  }

  @Test
  void anOpenRunSendsHeartbeats(@TempDir Path other) throws Exception {
    try (Server strict = Server.start(other, "--lost-after", "12");
        TrackingClient living = TrackingClient.connect(strict.uri());
        RunHandle run = living.startRun("quiet")) {
      Thread.sleep(15_000);
      assertEquals(RunStatus.RUNNING, living.runs().get(run.runId()).getInfo().getStatus());
    }
  }

  private static Map<String, String> tags(Run run) {
    return run.getData().getTagsList().stream()
        .collect(Collectors.toMap(RunTag::getKey, RunTag::getValue));
  }
}
