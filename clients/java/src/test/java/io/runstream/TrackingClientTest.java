package io.runstream;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.grpc.Status;
import io.runstream.testing.Training;
import io.runstream.v1.CountRunsRequest;
import io.runstream.v1.CreateRunRequest;
import io.runstream.v1.Dataset;
import io.runstream.v1.DatasetInput;
import io.runstream.v1.Experiment;
import io.runstream.v1.InputTag;
import io.runstream.v1.LogRequest;
import io.runstream.v1.LoggedMetric;
import io.runstream.v1.Metric;
import io.runstream.v1.Param;
import io.runstream.v1.Run;
import io.runstream.v1.RunInfo;
import io.runstream.v1.RunStatus;
import io.runstream.v1.RunTag;
import io.runstream.v1.SearchExperimentsRequest;
import io.runstream.v1.SearchRunsRequest;
import io.runstream.v1.UpdateRunRequest;
import io.runstream.v1.ViewType;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Every call of the client, on a real server. */
class TrackingClientTest extends SharedServerTest {
  @Test
  void theExampleOfMlflowsDocumentationLogsThreeEpochs() {
    RunInfo run = client.createRun();
    long before = System.currentTimeMillis();
    for (int epoch = 0; epoch < 3; epoch++) {
      client.logMetric(run.getRunId(), "quality", 2 * epoch, before + epoch, epoch);
    }
    client.setTerminated(run.getRunId());
    List<Metric> history = client.histories().get(run.getRunId(), "quality");
    assertEquals(
        IntStream.range(0, 3)
            .mapToObj(
                epoch ->
                    Metric.newBuilder()
                        .setKey("quality")
                        .setValue(2 * epoch)
                        .setTimestamp(before + epoch)
                        .setStep(epoch)
                        .build())
            .collect(Collectors.toList()),
        history);
    assertEquals(RunStatus.FINISHED, client.runs().get(run.getRunId()).getInfo().getStatus());
  }

  @Test
  void anExperimentIsCreatedFoundRenamedTaggedDeletedAndRestored() { // E2 to E4
    Experiments experiments = client.experiments();
    String id = experiments.create("fraud");
    assertEquals(id, experiments.getByName("fraud").orElseThrow().getExperimentId());
    experiments.rename(id, "fraud detection");
    assertTrue(experiments.getByName("fraud").isEmpty());
    experiments.setTag(id, "team", "risk");
    experiments.setTag(id, "stage", "trial");
    experiments.deleteTag(id, "stage");
    Experiment experiment = experiments.get(id);
    assertEquals("fraud detection", experiment.getName());
    assertEquals(1, experiment.getTagsCount());
    assertEquals("risk", experiment.getTags(0).getValue());
    experiments.delete(id);
    assertEquals("deleted", experiments.get(id).getLifecycleStage());
    experiments.restore(id);
    assertEquals("active", experiments.get(id).getLifecycleStage());
    TrackingException taken =
        assertThrows(TrackingException.class, () -> experiments.create("fraud detection"));
    assertEquals(Status.Code.ALREADY_EXISTS, taken.code());
  }

  @Test
  void experimentsAreSearchedPageByPage() { // S7
    for (int i = 0; i < 7; i++) {
      client.experiments().create("paged " + i);
    }
    SearchExperimentsRequest request =
        SearchExperimentsRequest.newBuilder()
            .setFilter("name LIKE 'paged %'")
            .addOrderBy("name")
            .setMaxResults(3)
            .build();
    List<String> names = new ArrayList<>();
    client.experiments().search(request).forEachRemaining(found -> names.add(found.getName()));
    assertEquals(
        IntStream.range(0, 7).mapToObj(i -> "paged " + i).collect(Collectors.toList()), names);
  }

  @Test
  void runsAreSearchedPageByPageAndCounted() { // S1 to S6
    String experiment = client.experiments().create("search");
    for (int i = 0; i < 12; i++) {
      CreateRunRequest request =
          CreateRunRequest.newBuilder().setExperimentId(experiment).setRunName("run " + i).build();
      try (RunHandle run = client.startRun(request)) {
        run.logMetric("loss", i, 0);
        run.logParam("parity", i % 2 == 0 ? "even" : "odd");
      }
    }
    SearchRunsRequest request =
        SearchRunsRequest.newBuilder()
            .addExperimentIds(experiment)
            .setFilter("params.parity = 'even' AND metrics.loss > 1")
            .addOrderBy("metrics.loss DESC")
            .setMaxResults(2)
            .build();
    List<Double> losses = new ArrayList<>();
    for (Iterator<Run> found = client.runs().search(request); found.hasNext(); ) {
      losses.add(found.next().getData().getMetrics(0).getValue());
    }
    assertEquals(List.of(10.0, 8.0, 6.0, 4.0, 2.0), losses);
    CountRunsRequest count =
        CountRunsRequest.newBuilder()
            .addExperimentIds(experiment)
            .setFilter("params.parity = 'odd'")
            .build();
    assertEquals(6, client.runs().count(count));
  }

  @Test
  void aMalformedFilterSaysAtWhichColumn() { // S4, X1
    SearchRunsRequest request = SearchRunsRequest.newBuilder().setFilter("metrics.loss <").build();
    TrackingException error =
        assertThrows(TrackingException.class, () -> client.runs().search(request).hasNext());
    assertEquals(Status.Code.INVALID_ARGUMENT, error.code());
    assertEquals("FILTER_MALFORMED", error.reason());
    assertEquals("filter", error.field());
    assertEquals("15", error.metadata().get("column"));
  }

  @Test
  void aRunIsUpdatedTaggedDeletedAndRestored() { // R2, P3
    String id = client.createRun().getRunId();
    client.setTag(id, "stage", "trial");
    client.runs().deleteTag(id, "stage");
    TrackingException error =
        assertThrows(TrackingException.class, () -> client.runs().deleteTag(id, "stage"));
    assertEquals(Status.Code.NOT_FOUND, error.code());
    UpdateRunRequest rename =
        UpdateRunRequest.newBuilder().setRunId(id).setRunName("renamed").build();
    assertEquals("renamed", client.runs().update(rename).getRunName());
    client.runs().delete(id);
    client.runs().delete(id);
    assertEquals("deleted", client.runs().get(id).getInfo().getLifecycleStage());
    SearchRunsRequest deleted =
        SearchRunsRequest.newBuilder()
            .setFilter("run_id = '" + id + "'")
            .setRunViewType(ViewType.DELETED_ONLY)
            .build();
    assertTrue(client.runs().search(deleted).hasNext());
    client.runs().restore(id);
    assertEquals("active", client.runs().get(id).getInfo().getLifecycleStage());
  }

  @Test
  void childRunsAreDeletedAndRestoredWithTheirParentIfAsked() {
    String parent = client.createRun().getRunId();
    String child = client.createRun().getRunId();
    client.setTag(child, "mlflow.parentRunId", parent); // on disk before the deletion
    client.runs().delete(parent, true);
    assertEquals("deleted", client.runs().get(child).getInfo().getLifecycleStage());
    client.runs().restore(parent);
    assertEquals("active", client.runs().get(child).getInfo().getLifecycleStage());
    client.runs().delete(parent);
    assertEquals("active", client.runs().get(child).getInfo().getLifecycleStage());
  }

  @Test
  void runsThatHaveEndedAreCopied() { // R11
    String target = client.experiments().create("copied to");
    RunHandle run = client.startRun(CreateRunRequest.getDefaultInstance());
    run.logMetric("loss", 0.5, 0);
    TrackingException error =
        assertThrows(
            TrackingException.class, () -> client.runs().copy(List.of(run.runId()), target));
    assertEquals("RUN_GOES_ON", error.reason());
    run.close();
    Map<String, String> copies = client.runs().copy(List.of(run.runId()), target);
    assertEquals(Set.of(run.runId()), copies.keySet());
    Run copy = client.runs().get(copies.get(run.runId()));
    assertEquals(target, copy.getInfo().getExperimentId());
    assertEquals(0.5, copy.getData().getMetrics(0).getValue());
  }

  @Test
  void aRunThatIsCreatedTwiceWithOneIdIsOneRun() { // R1
    CreateRunRequest request =
        CreateRunRequest.newBuilder()
            .setRunId("0123456789abcdef0123456789abcdef")
            .setStartTime(1)
            .addTags(RunTag.newBuilder().setKey("k").setValue("v"))
            .build();
    assertEquals(client.runs().create(request), client.runs().create(request));
    TrackingException error =
        assertThrows(
            TrackingException.class,
            () -> client.runs().create(request.toBuilder().setStartTime(2).build()));
    assertEquals(Status.Code.ALREADY_EXISTS, error.code());
  }

  @Test
  void datasetsAreInputsOfARun() { // P4
    String id = client.createRun().getRunId();
    DatasetInput input =
        DatasetInput.newBuilder()
            .setDataset(
                Dataset.newBuilder()
                    .setName("wine")
                    .setDigest("abc123")
                    .setSourceType("local")
                    .setSource("wine.csv"))
            .addTags(InputTag.newBuilder().setKey("mlflow.data.context").setValue("training"))
            .build();
    client.runs().logInputs(id, List.of(input));
    assertEquals(List.of(input), client.runs().get(id).getInputs().getDatasetInputsList());
  }

  @Test
  void aRefusalCarriesReasonFieldAndMetadata() { // P1, X1
    String id = client.createRun().getRunId();
    client.logParam(id, "lr", "0.1");
    client.logParam(id, "lr", "0.1");
    TrackingException error =
        assertThrows(TrackingException.class, () -> client.logParam(id, "lr", "0.2"));
    assertEquals(Status.Code.INVALID_ARGUMENT, error.code());
    assertEquals("PARAM_IMMUTABLE", error.reason());
    assertEquals("params.lr", error.field());
    client.flush(Duration.ofSeconds(10));
    try (TrackingClient other = TrackingClient.connect(server.uri())) {
      other.logParam(id, "lr", "0.3"); // which only the server knows to be wrong
      TrackingException refusal =
          assertThrows(TrackingException.class, () -> other.flush(Duration.ofSeconds(10)));
      assertEquals("PARAM_IMMUTABLE", refusal.reason());
      assertEquals("params.lr", refusal.field());
      assertEquals("0.1", refusal.metadata().get("old"));
    }
    assertEquals("0.1", client.runs().get(id).getData().getParams(0).getValue());
  }

  @Test
  void whatBreaksARuleIsRefusedAtOnceAndChangesNothing() { // M1, M2, P2
    String id = client.createRun().getRunId();
    Map<String, Runnable> calls =
        Map.of(
            "KEY_MALFORMED", () -> client.logMetric(id, "/absolute", 1, 0),
            "KEY_EMPTY", () -> client.logMetric(id, "", 1, 0),
            "KEY_TOO_LONG", () -> client.logMetric(id, "k".repeat(251), 1, 0),
            "TIMESTAMP_OUT_OF_RANGE", () -> client.logMetric(id, "k", 1, -1, 0),
            "VALUE_TOO_LONG", () -> client.setTag(id, "k", "v".repeat(65_537)),
            "VALUE_NOT_UNICODE", () -> client.setTag(id, "k", "\ud800"));
    calls.forEach(
        (reason, call) -> {
          TrackingException error = assertThrows(TrackingException.class, call::run, reason);
          assertEquals(reason, error.reason());
          assertEquals(Status.Code.INVALID_ARGUMENT, error.code());
        });
    Run run = client.runs().get(id);
    assertEquals(0, run.getData().getMetricsCount());
    assertTrue(
        run.getData().getTagsList().stream().allMatch(tag -> tag.getKey().startsWith("mlflow.")));
  }

  @Test
  void aBatchInOneCallIsAllOrNothing() { // P5
    String id = client.createRun().getRunId();
    LogRequest batch =
        LogRequest.newBuilder()
            .setRunId(id)
            .addMetrics(LoggedMetric.newBuilder().setKey("loss").setValue(0.5).setStep(1))
            .addParams(Param.newBuilder().setKey("lr").setValue("0.1"))
            .addTags(RunTag.newBuilder().setKey("stage").setValue("trial"))
            .build();
    client.log(batch);
    Run stored = client.runs().get(id);
    assertEquals(0.5, stored.getData().getMetrics(0).getValue());
    assertEquals(1, stored.getData().getParamsCount());
    LogRequest.Builder wrong = batch.toBuilder();
    wrong.getMetricsBuilder(0).setKey("other");
    wrong.getParamsBuilder(0).setValue("0.2");
    TrackingException error =
        assertThrows(TrackingException.class, () -> client.log(wrong.build()));
    assertEquals("PARAM_IMMUTABLE", error.reason());
    assertEquals(stored, client.runs().get(id));
  }

  @Test
  void theClosedClientTakesNothingMore() {
    TrackingClient other = TrackingClient.connect(server.uri());
    String id = other.createRun().getRunId();
    other.close();
    assertThrows(IllegalStateException.class, () -> other.logMetric(id, "m", 1, 0));
    assertThrows(IllegalStateException.class, () -> other.logParam(id, "p", "1"));
    assertThrows(IllegalStateException.class, () -> other.setTag(id, "t", "1"));
  }

  @Test
  void whatIsLoggedWhileTheClientClosesIsRefusedOrOnDisk() throws InterruptedException {
    for (int round = 0; round < 20; round++) {
      TrackingClient other = TrackingClient.connect(server.uri());
      String id = other.createRun().getRunId();
      Training training = new Training(step -> other.logMetric(id, "m", 1, step));
      training.await(100);
      other.close();
      assertEquals(training.steps(10_000), client.histories().get(id, "m").size());
    }
  }

  @Test
  void manyThreadsLogToManyRunsAndEachPointIsThereOnce() throws InterruptedException {
    List<String> ids =
        IntStream.range(0, 4)
            .mapToObj(i -> client.createRun().getRunId())
            .collect(Collectors.toList());
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      int number = i;
      Thread thread =
          new Thread(
              () -> {
                for (int step = 0; step < 50_000; step++) {
                  client.logMetric(ids.get(number % 4), "m" + number, step, step);
                }
              });
      thread.start();
      threads.add(thread);
    }
    for (Thread thread : threads) {
      thread.join();
    }
    long[] expected = IntStream.range(0, 50_000).asLongStream().toArray();
    for (int i = 0; i < 8; i++) {
      List<Metric> history = client.histories().get(ids.get(i % 4), "m" + i);
      assertArrayEquals(expected, history.stream().mapToLong(Metric::getStep).toArray());
    }
  }

  @Test
  void theLastPointOfAStepWins() { // M5
    String id = client.createRun().getRunId();
    for (int i = 0; i < 1_000; i++) {
      client.logMetric(id, "m", 1_000 - i, 7);
    }
    Run run = client.runs().get(id);
    assertEquals(1.0, run.getData().getMetrics(0).getValue());
    List<Metric> history = client.histories().get(id, "m");
    assertEquals(1_000, history.stream().map(Metric::getTimestamp).distinct().count());
  }
}
