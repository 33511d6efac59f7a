package io.runstream.benchmarks;

import com.google.gson.JsonParser;
import io.runstream.RunHandle;
import io.runstream.TrackingClient;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.mlflow.api.proto.Service;
import org.mlflow.tracking.MlflowClient;
import org.openjdk.jmh.runner.RunnerException;

/**
 * What the benchmarks have a JVM do: {@code URI JOB {"number": N}}, with a number of points,
 * calls or runs. The last line on stdout is the result, a number.
 */
public final class Jobs {
  private static final int KEYS = 10;
  private static final int TAGS = 3;
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
      case "runs":
        return runs(uri, number);
      case "runs_mlflow":
        return runsMlflow(uri, number);
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

  /** Starts, fills and ends runs as a program does; returns the seconds until all are on disk. */
  private static double runs(String uri, int count) {
    try (TrackingClient client = TrackingClient.connect(uri)) {
      fill(client);
      long start = System.nanoTime();
      for (int i = 0; i < count; i++) {
        fill(client);
      }
      client.flush(Duration.ofMinutes(1));
      return (System.nanoTime() - start) / 1e9;
    }
  }

  private static void fill(TrackingClient client) {
    try (RunHandle run = client.startRun("")) {
      run.logParams(texts("param_", KEYS));
      run.setTags(texts("tag_", TAGS));
      run.logMetrics(numbers(), 0);
    }
  }

  /** The same by MLflow's client, in as few calls as it can. */
  private static double runsMlflow(String uri, int count) {
    try (MlflowClient client = new MlflowClient(uri)) {
      fillMlflow(client);
      long start = System.nanoTime();
      for (int i = 0; i < count; i++) {
        fillMlflow(client);
      }
      return (System.nanoTime() - start) / 1e9;
    }
  }

  private static void fillMlflow(MlflowClient client) {
    String run = client.createRun().getRunId();
    List<Service.Metric> metrics = new ArrayList<>();
    numbers()
        .forEach(
            (key, value) ->
                metrics.add(
                    Service.Metric.newBuilder()
                        .setKey(key)
                        .setValue(value)
                        .setTimestamp(System.currentTimeMillis())
                        .build()));
    List<Service.Param> params = new ArrayList<>();
    texts("param_", KEYS)
        .forEach(
            (key, value) ->
                params.add(Service.Param.newBuilder().setKey(key).setValue(value).build()));
    List<Service.RunTag> tags = new ArrayList<>();
    texts("tag_", TAGS)
        .forEach(
            (key, value) ->
                tags.add(Service.RunTag.newBuilder().setKey(key).setValue(value).build()));
    client.logBatch(run, metrics, params, tags);
    client.setTerminated(run);
  }

  private static Map<String, String> texts(String prefix, int count) {
    Map<String, String> texts = new LinkedHashMap<>();
    for (int i = 0; i < count; i++) {
      texts.put(prefix + i, String.valueOf(i));
    }
    return texts;
  }

  private static Map<String, Double> numbers() {
    Map<String, Double> numbers = new LinkedHashMap<>();
    for (int i = 0; i < KEYS; i++) {
      numbers.put(NAMES[i], i / 3.0);
    }
    return numbers;
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
