import io.runstream.TrackingClient;
import io.runstream.v1.Metric;
import io.runstream.v1.RunInfo;

/**
 * Creates a run, logs a metric of three epochs, and reads it back.
 *
 * <p>{@code RUNSTREAM_TRACKING_URI} names the server; {@code grpc://localhost:50051}, if it is not
 * set.
 */
public class Quickstart {
  public static void main(String[] arguments) {
    try (TrackingClient client = TrackingClient.connect()) {
      RunInfo run = client.createRun();
      for (int epoch = 0; epoch < 3; epoch++) {
        client.logMetric(run.getRunId(), "quality", 2 * epoch, System.currentTimeMillis(), epoch);
      }
      client.setTerminated(run.getRunId());
      for (Metric point : client.histories().get(run.getRunId(), "quality")) {
        System.out.println("epoch " + point.getStep() + ": " + point.getValue());
      }
    }
  }
}
