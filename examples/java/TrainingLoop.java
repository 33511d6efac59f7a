import io.runstream.RunHandle;
import io.runstream.TrackingClient;
import io.runstream.v1.CreateRunRequest;
import io.runstream.v1.Run;
import io.runstream.v1.SearchRunsRequest;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Random;

/**
 * Fits a line by gradient descent with several learning rates, stores each model, and asks which
 * run was best.
 *
 * <p>{@code RUNSTREAM_TRACKING_URI} names the server; {@code grpc://localhost:50051}, if it is not
 * set.
 */
public class TrainingLoop {
  private static final double[] X = new Random(7).doubles(200).toArray();

  private double slope;
  private double offset;

  public static void main(String[] arguments) {
    try (TrackingClient client = TrackingClient.connect()) {
      String experiment =
          client
              .experiments()
              .getByName("line")
              .map(found -> found.getExperimentId())
              .orElseGet(() -> client.experiments().create("line"));
      for (double rate : new double[] {0.01, 0.1, 0.5}) {
        train(client, experiment, rate);
      }
      SearchRunsRequest best =
          SearchRunsRequest.newBuilder()
              .addExperimentIds(experiment)
              .setFilter("metrics.loss < 1")
              .addOrderBy("metrics.loss ASC")
              .setMaxResults(1)
              .build();
      Run run = client.runs().search(best).next();
      byte[] model = client.artifacts().read(run.getInfo().getRunId(), "model.txt");
      System.out.println("best: " + run.getInfo().getRunName());
      System.out.println(new String(model, StandardCharsets.UTF_8));
    }
  }

  private static void train(TrackingClient client, String experiment, double rate) {
    CreateRunRequest request =
        CreateRunRequest.newBuilder()
            .setExperimentId(experiment)
            .setRunName("rate " + rate)
            .build();
    try (RunHandle run = client.startRun(request)) {
      try {
        run.logParams(Map.of("rate", String.valueOf(rate), "epochs", "500"));
        TrainingLoop line = new TrainingLoop();
        for (int epoch = 1; epoch <= 500; epoch++) {
          run.logMetric("loss", line.step(rate), epoch);
        }
        byte[] model =
            String.format("y = %.2f x + %.2f", line.slope, line.offset)
                .getBytes(StandardCharsets.UTF_8);
        client.artifacts().upload(run.runId(), model, "model.txt");
      } catch (RuntimeException error) {
        throw run.fail(error); // so that the run ends as FAILED
      }
    }
  }

  /** Takes a step down the gradient of the mean squared error, and returns that error. */
  private double step(double rate) {
    double error = 0;
    double bySlope = 0;
    double byOffset = 0;
    for (double x : X) {
      double off = slope * x + offset - (3 * x + 2);
      error += off * off / X.length;
      bySlope += 2 * off * x / X.length;
      byOffset += 2 * off / X.length;
    }
    slope -= rate * bySlope;
    offset -= rate * byOffset;
    return error;
  }
}
