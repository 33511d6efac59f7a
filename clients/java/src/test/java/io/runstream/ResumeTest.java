package io.runstream;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.runstream.testing.Proxy;
import io.runstream.v1.Experiment;
import io.runstream.v1.ExperimentTag;
import io.runstream.v1.MetricTable;
import io.runstream.v1.ReadMetricHistoryRequest;
import io.runstream.v1.ReadMetricHistoryResponse;
import io.runstream.v1.RunTag;
import io.runstream.v1.UpdateRunRequest;
import io.runstream.v1.WatchRequest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

/** What is sent or read again goes on where it was, undoes nothing newer, and ends in time. */
class ResumeTest extends ServerTest {
  private static final Duration MINUTE = Duration.ofSeconds(60);

  @Test
  void aClientWithoutASpoolThatClosesWhileTheServerIsAwaySendsLater() throws Exception { // X5
    TrackingClient client =
        TrackingClient.builder(server.uri())
            .deadline(Duration.ofSeconds(4))
            .spool(Map.of("RUNSTREAM_SPOOL_LIMIT", "0"))
            .build();
    String id = client.createRun().getRunId();
    server.kill();
    client.logMetric(id, "m", 1, 0);
    TrackingException late = assertThrows(TrackingException.class, client::close);
    assertEquals("FLUSH_TIMEOUT", late.reason());
    assertThrows(IllegalStateException.class, () -> client.logMetric(id, "m", 1, 1));
    server.restart();
    try (TrackingClient other = TrackingClient.connect(server.uri())) {
      while (other.histories().get(id, "m").isEmpty()) {
        pause(50);
      }
    }
    while (!client.calls().isClosed()) { // by itself
      pause(50);
    }
    client.close();
  }

  @Test
  void aTagThatIsSentAgainDoesNotReplaceANewerOne() { // P3
    try (Proxy proxy = new Proxy(server.port());
        TrackingClient one = TrackingClient.connect(proxy.uri());
        TrackingClient other = TrackingClient.connect(server.uri())) {
      String id = one.createRun().getRunId();
      one.setTag(id, "stage", "first");
      one.flush(MINUTE);
      proxy.swallowAnswers();
      one.setTag(id, "stage", "old");
      Thread renamer = new Thread(() -> one.runs().update(named(id, "old")));
      renamer.start();
      while (!stage(other, id).equals("old")
          || !other.runs().get(id).getInfo().getRunName().equals("old")) {
        pause(10);
      }
      other.setTag(id, "stage", "new");
      other.flush(MINUTE);
      other.runs().update(named(id, "new"));
      proxy.heal();
      proxy.cut();
      one.flush(MINUTE);
      join(renamer);
      assertEquals("new", stage(other, id));
      assertEquals("new", other.runs().get(id).getInfo().getRunName());
      one.setTag(id, "stage", "newest"); // a write of its own
      one.flush(MINUTE);
      assertEquals("newest", stage(other, id));
    }
  }

  @Test
  void aWriteToAnExperimentThatIsSentAgainDoesNotReplaceANewerOne() throws Exception { // P3
    try (Proxy proxy = new Proxy(server.port());
        TrackingClient slow = TrackingClient.connect(proxy.uri());
        TrackingClient other = TrackingClient.connect(server.uri())) {
      Experiments late = slow.experiments();
      Experiments now = other.experiments();
      String id = now.create("first");
      now.setTag(id, "gone", "1");
      late.get(id); // so that it is connected
      writeBetween(
          proxy,
          () -> late.setTag(id, "stage", "old"),
          () -> "old".equals(tags(now.get(id)).get("stage")),
          () -> now.setTag(id, "stage", "new"));
      writeBetween(
          proxy,
          () -> late.rename(id, "old"),
          () -> now.get(id).getName().equals("old"),
          () -> now.rename(id, "new"));
      writeBetween(
          proxy,
          () -> late.deleteTag(id, "gone"),
          () -> !tags(now.get(id)).containsKey("gone"),
          () -> now.setTag(id, "gone", "not"));
      writeBetween(
          proxy,
          () -> late.delete(id),
          () -> now.get(id).getLifecycleStage().equals("deleted"),
          () -> now.restore(id));
      Experiment experiment = now.get(id);
      assertEquals("new", experiment.getName());
      assertEquals("active", experiment.getLifecycleStage());
      assertEquals(Map.of("stage", "new", "gone", "not"), tags(experiment));
    }
  }

  /** Makes a write whose answer is lost, then a newer one; then the first is sent again. */
  private static void writeBetween(
      Proxy proxy, Executable first, BooleanSupplier isApplied, Runnable newer) throws Exception {
    proxy.swallowAnswers();
    FutureTask<Void> writing =
        new FutureTask<>(
            () -> {
              assertDoesNotThrow(first);
              return null;
            });
    new Thread(writing).start();
    while (!isApplied.getAsBoolean()) {
      assertFalse(writing.isDone());
      pause(10);
    }
    newer.run();
    assertFalse(writing.isDone());
    proxy.heal();
    proxy.cut();
    writing.get(60, TimeUnit.SECONDS);
  }

  private static Map<String, String> tags(Experiment experiment) {
    return experiment.getTagsList().stream()
        .collect(Collectors.toMap(ExperimentTag::getKey, ExperimentTag::getValue));
  }

  @Test
  void aHistoryThatBreaksOffGoesOnWhereItWas() throws Exception { // M6
    List<String> ids;
    ReadMetricHistoryRequest request;
    try (TrackingClient client = TrackingClient.connect(server.uri())) {
      ids = List.of(client.createRun().getRunId(), client.createRun().getRunId());
      request = ReadMetricHistoryRequest.newBuilder().addAllRunIds(ids).build();
      for (long step = 0; step < 60_000; step++) {
        for (String id : ids) {
          client.logMetric(id, "a", step / 7.0, step);
          client.logMetric(id, "b", -step, step / 2);
        }
      }
      client.flush(MINUTE);
    }
    try (Proxy proxy = new Proxy(server.port());
        TrackingClient client = TrackingClient.connect(proxy.uri())) {
      client.position(); // so that it is connected
      Thread cutter =
          new Thread(
              () -> {
                for (int i = 0; i < 4; i++) {
                  proxy.cutAfter(700_000);
                  pause(700);
                }
              });
      cutter.start();
      Map<String, Long> points = new TreeMap<>();
      int restarts = 0;
      try (Answers<ReadMetricHistoryResponse> answers = client.histories().read(request)) {
        while (answers.hasNext()) {
          ReadMetricHistoryResponse answer = answers.next();
          MetricTable table = answer.getMetrics();
          String series = ids.indexOf(answer.getRunId()) + table.getKeys(0);
          for (int i = 0; i < table.getValueCount(); i++) {
            long before = points.getOrDefault(series, 0L);
            double value = table.getValue(i);
            assertEquals(table.getKeys(0).equals("a") ? before / 7.0 : -before, value, series);
            points.put(series, before + 1);
          }
          if (restarts++ == 2) {
            server.kill();
            server.restart();
          }
          pause(50);
        }
      }
      join(cutter);
      assertEquals(Map.of("0a", 60_000L, "0b", 60_000L, "1a", 60_000L, "1b", 60_000L), points);
      proxy.cutAfter(700_000);
      assertEquals(60_000, client.histories().get(ids.get(0), "b").size());
    }
  }

  @Test
  void nothingWaitsLongerThanItsDeadlineForAServerThatIsSilent() throws Exception { // X5
    try (Proxy proxy = new Proxy(server.port());
        TrackingClient client =
            TrackingClient.builder(proxy.uri()).deadline(Duration.ofSeconds(2)).build()) {
      String id = client.createRun().getRunId();
      client.artifacts().upload(id, new byte[100], "file");
      proxy.swallow();
      List<Executable> calls =
          List.of(
              () -> client.runs().get(id),
              () -> client.histories().get(id, "m"),
              () -> client.artifacts().read(id, "file"),
              () -> client.artifacts().list(id, "").hasNext(),
              () -> client.watch(WatchRequest.newBuilder().addRunIds(id).build()),
              () -> client.watch(WatchRequest.newBuilder().addRunIds(id).setPosition("1").build()));
      List<Thread> waiting = new ArrayList<>();
      List<Throwable> errors = new CopyOnWriteArrayList<>();
      for (Executable call : calls) {
        waiting.add(new Thread(() -> errors.add(assertThrows(TrackingException.class, call))));
      }
      waiting.forEach(Thread::start);
      for (Thread thread : waiting) {
        thread.join(60_000);
        assertFalse(thread.isAlive());
      }
      assertEquals(calls.size(), errors.size());
      proxy.heal();
      proxy.cut();
    }
  }

  private static UpdateRunRequest named(String runId, String name) {
    return UpdateRunRequest.newBuilder().setRunId(runId).setRunName(name).build();
  }

  private static String stage(TrackingClient client, String runId) {
    return client.runs().get(runId).getData().getTagsList().stream()
        .filter(tag -> tag.getKey().equals("stage"))
        .map(RunTag::getValue)
        .findFirst()
        .orElse("");
  }

  private static void join(Thread thread) {
    try {
      thread.join();
    } catch (InterruptedException interrupt) {
      throw new IllegalStateException(interrupt);
    }
  }

  private static void pause(long millis) {
    try {
      Thread.sleep(millis);
    } catch (InterruptedException interrupt) {
      throw new IllegalStateException(interrupt);
    }
  }
}
