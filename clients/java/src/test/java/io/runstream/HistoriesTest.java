package io.runstream;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.grpc.Status;
import io.runstream.v1.ReadMetricHistoryRequest;
import io.runstream.v1.ReadMetricHistoryResponse;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Histories as columns: ranges, thinned, of several runs. */
class HistoriesTest extends ClientTest {
  @Test
  void aRangeOfStepsOfSeveralRunsComesInColumns() { // M6
    List<String> ids = List.of(client.createRun().getRunId(), client.createRun().getRunId());
    for (String id : ids) {
      for (int step = 0; step < 100; step++) {
        client.logMetric(id, "a", step, step);
        client.logMetric(id, "b", -step, step);
      }
    }
    ReadMetricHistoryRequest request =
        ReadMetricHistoryRequest.newBuilder()
            .addAllRunIds(ids)
            .setStartStep(90)
            .setEndStep(94)
            .build();
    List<String> read = new ArrayList<>();
    try (Answers<ReadMetricHistoryResponse> answers = client.histories().read(request)) {
      while (answers.hasNext()) {
        ReadMetricHistoryResponse answer = answers.next();
        read.add(
            ids.indexOf(answer.getRunId())
                + answer.getMetrics().getKeys(0)
                + answer.getMetrics().getStepList());
      }
    }
    String steps = "[90, 91, 92, 93, 94]";
    assertEquals(List.of("0a" + steps, "0b" + steps, "1a" + steps, "1b" + steps), read);
  }

  @Test
  void aThinnedHistoryKeepsItsSpike() {
    String id = client.createRun().getRunId();
    for (int step = 0; step < 100_000; step++) {
      client.logMetric(id, "loss", step == 77_777 ? 1e9 : 1, step);
    }
    ReadMetricHistoryRequest request =
        ReadMetricHistoryRequest.newBuilder()
            .setRunId(id)
            .addMetricKeys("loss")
            .setMaxPoints(100)
            .build();
    List<Double> values = new ArrayList<>();
    try (Answers<ReadMetricHistoryResponse> answers = client.histories().read(request)) {
      answers.forEachRemaining(answer -> values.addAll(answer.getMetrics().getValueList()));
    }
    assertTrue(values.size() <= 100);
    assertTrue(values.contains(1e9));
  }

  @Test
  void aReadThatIsClosedEndsItsCall() {
    String id = client.createRun().getRunId();
    for (int step = 0; step < 100_000; step++) {
      client.logMetric(id, "loss", 1, step);
    }
    ReadMetricHistoryRequest request = ReadMetricHistoryRequest.newBuilder().setRunId(id).build();
    Answers<ReadMetricHistoryResponse> answers = client.histories().read(request);
    assertTrue(answers.hasNext());
    answers.close();
    TrackingException error =
        assertThrows(TrackingException.class, () -> answers.forEachRemaining(any -> {}));
    assertEquals(Status.Code.CANCELLED, error.code());
  }

  @Test
  void aMetricThatWasNeverLoggedHasNoPointsAndARunThatIsNotThereIsNotFound() {
    assertTrue(client.histories().get(client.createRun().getRunId(), "never").isEmpty());
    TrackingException error =
        assertThrows(TrackingException.class, () -> client.histories().get("f".repeat(32), "m"));
    assertEquals(Status.Code.NOT_FOUND, error.code());
    assertFalse(error.reason().isEmpty());
  }
}
