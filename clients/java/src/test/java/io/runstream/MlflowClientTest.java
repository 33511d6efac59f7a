package io.runstream;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.runstream.testing.Server;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.mlflow.api.proto.Service;
import org.mlflow.tracking.ActiveRun;
import org.mlflow.tracking.MlflowClient;
import org.mlflow.tracking.MlflowContext;
import org.mlflow.tracking.MlflowHttpException;

/** MLflow's own Java client against our REST API. */
class MlflowClientTest {
  @Test
  void whatMlflowsClientLogsOursReads(@TempDir Path folder) { // W1 to W4
    try (Server server = Server.start(folder, "--http-port", "0");
        MlflowClient mlflow = new MlflowClient(server.http());
        TrackingClient ours = TrackingClient.connect(server.uri())) {
      String experiment = mlflow.createExperiment("wine");
      MlflowContext context = new MlflowContext(mlflow).setExperimentId(experiment);
      ActiveRun run = context.startRun("first");
      run.logParam("lr", "0.1");
      run.setTag("team", "risk");
      for (int step = 0; step < 10; step++) {
        run.logMetric("loss", 1.0 / (step + 1), step);
      }
      run.logMetric("infinity", Double.POSITIVE_INFINITY);
      run.logMetric("nan", Double.NaN);
      run.endRun();

      Service.Run read = mlflow.getRun(run.getId());
      assertEquals(Service.RunStatus.FINISHED, read.getInfo().getStatus());
      assertEquals("0.1", read.getData().getParams(0).getValue());
      assertEquals(10, mlflow.getMetricHistory(run.getId(), "loss").size());
      List<String> found =
          mlflow
              .searchRuns(
                  List.of(experiment), "metrics.loss < 0.2", Service.ViewType.ACTIVE_ONLY, 10)
              .getItems()
              .stream()
              .map(one -> one.getInfo().getRunId())
              .collect(Collectors.toList());
      assertEquals(List.of(run.getId()), found);
      assertThrows(MlflowHttpException.class, () -> mlflow.getRun("f".repeat(32)));

      assertEquals(10, ours.histories().get(run.getId(), "loss").size());
      assertEquals(
          Double.POSITIVE_INFINITY,
          ours.histories().get(run.getId(), "infinity").get(0).getValue());
      assertEquals("first", ours.runs().get(run.getId()).getInfo().getRunName());
    }
  }
}
