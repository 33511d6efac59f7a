package io.runstream.benchmarks;

import com.google.gson.JsonParser;
import io.runstream.TrackingClient;
import java.util.Locale;
import org.mlflow.tracking.MlflowClient;
import org.openjdk.jmh.runner.RunnerException;

/**
 * What the benchmarks have a JVM do: {@code URI JOB {"number": N}}, with a number of points or
 * calls. The last line on stdout is the result, a number.
 */
public final class Jobs {
  private static final int KEYS = 10;
  private static final long START = 1_700_000_000_000L;
  private static final String[] NAMES = new String[KEYS];

  static {
    for (int i = 0; i < KEYS; i++) {
      NAMES[i] = "metric_" + i;
    }
  }

  /** Takes a point. */
  private interface Logger {
    void log(String key, double value, long timestamp, long step);
  }

  private Jobs() {}

  public static void main(String[] arguments) throws RunnerException {
    int number =
        JsonParser.parseString(arguments[2]).getAsJsonObject().get("number").getAsInt();
    System.out.printf(Locale.ROOT, "%n%.12g%n", run(arguments[0], arguments[1], number));
  }

  private static double run(String uri, String job, int number) throws RunnerException {
    switch (job) {
      case "log":
        return log(uri, number);
      case "log_mlflow":
        return logMlflow(uri, number);
      case "call":
        return LogMetric.measure(uri, number);
      default:
        throw new IllegalArgumentException(job);
    }
  }

  /** Logs points by a call each; returns the seconds until all are on disk. */
  private static double log(String uri, int points) {
    try (TrackingClient client = TrackingClient.connect(uri)) {
      String run = client.createRun().getRunId();
      long start = System.nanoTime();
      each(points, (key, value, time, step) -> client.logMetric(run, key, value, time, step));
      client.setTerminated(run);
      return (System.nanoTime() - start) / 1e9;
    }
  }

  /** The same by MLflow's client. */
  private static double logMlflow(String uri, int points) {
    try (MlflowClient client = new MlflowClient(uri)) {
      String run = client.createRun().getRunId();
      long start = System.nanoTime();
      each(points, (key, value, time, step) -> client.logMetric(run, key, value, time, step));
      client.setTerminated(run);
      return (System.nanoTime() - start) / 1e9;
    }
  }

  /** The points that the other benchmarks log, too. */
  private static void each(int points, Logger logger) {
    for (int i = 0; i < points; i++) {
      int step = i / KEYS;
      int metric = i % KEYS;
      double value = (1 + metric) / Math.sqrt(1 + step);
      logger.log(NAMES[metric], value, START + 10L * step, step);
    }
  }
}
