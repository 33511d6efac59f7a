package io.runstream.benchmarks;

import static java.nio.file.StandardOpenOption.APPEND;
import static java.nio.file.StandardOpenOption.CREATE;

import com.google.gson.Gson;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.runstream.RunHandle;
import io.runstream.TrackingClient;
import io.runstream.v1.CreateRunRequest;
import io.runstream.v1.RunTag;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The training program of tests/chaos in Java: {@code FOLDER NAME} does {@code NAME.json},
 * and writes into its journal what it says, before and after each call.
 */
public final class Trainer {
  private static final long TICK_MILLIS = 10;

  /** A call that may fail. */
  private interface Call {
    void run() throws Exception;
  }

  private final FileChannel journal;
  private final TrackingClient client = TrackingClient.connect();
  private String experiment = "0";
  private String name = "";
  private RunHandle run;
  private long number;

  private Trainer(Path folder, String process) throws IOException {
    long pid = ProcessHandle.current().pid();
    journal = FileChannel.open(folder.resolve(process + "-" + pid + ".journal"), CREATE, APPEND);
    JsonObject begin = new JsonObject();
    begin.addProperty("name", process);
    begin.addProperty("pid", pid);
    write("begin", begin);
    Thread ticks = new Thread(this::tick);
    ticks.setDaemon(true);
    ticks.start();
  }

  public static void main(String[] arguments) throws Exception {
    Path folder = Path.of(arguments[0]);
    String script = Files.readString(folder.resolve(arguments[1] + ".json"));
    Trainer trainer = new Trainer(folder, arguments[1]);
    for (JsonElement operation : JsonParser.parseString(script).getAsJsonArray()) {
      trainer.execute(operation.getAsJsonArray());
    }
    trainer.client.close();
    trainer.write("ended", new JsonObject());
  }

  private void execute(JsonArray operation) throws Exception {
    boolean hasKey = operation.size() > 1 && operation.get(1).isJsonPrimitive();
    String key = hasKey ? operation.get(1).getAsString() : "";
    switch (operation.get(0).getAsString()) {
      case "experiment":
        experiment = key;
        break;
      case "start":
        start(key);
        break;
      case "metric":
        metric(key, operation.get(2).getAsLong(), 1, operation.get(3).getAsDouble());
        break;
      case "burst":
        int count = operation.get(3).getAsInt();
        metric(key, operation.get(2).getAsLong(), count, operation.get(4).getAsDouble());
        break;
      case "params":
        params(operation.get(1).getAsJsonObject());
        break;
      case "tag":
        String value = operation.get(2).getAsString();
        say(said("tag", key, value), () -> run.setTag(key, value));
        break;
      case "untag":
        say(said("tag", key, null), () -> run.deleteTag(key));
        break;
      case "sleep":
        Thread.sleep((long) (operation.get(1).getAsDouble() * 1000));
        break;
      case "end":
        say(said("end", "FINISHED"), run::close);
        break;
      case "drop":
        write("dropped", new JsonObject());
        Runtime.getRuntime().halt(0);
        break;
      default:
        throw new IllegalArgumentException(operation.toString());
    }
  }

  private void start(String chosen) throws Exception {
    name = chosen;
    CreateRunRequest request =
        CreateRunRequest.newBuilder()
            .setExperimentId(experiment)
            .addTags(RunTag.newBuilder().setKey("chaos").setValue(chosen))
            .build();
    say(said("start", ""), () -> run = client.startRun(request));
  }

  private void metric(String key, long step, int count, double value) throws Exception {
    say(
        said("points", key, step, count, value),
        () -> {
          for (int i = 0; i < count; i++) {
            run.logMetric(key, value + i, step + i);
          }
        });
  }

  private void params(JsonObject params) throws Exception {
    Map<String, String> values = new LinkedHashMap<>();
    params.entrySet().forEach(entry -> values.put(entry.getKey(), entry.getValue().getAsString()));
    say(said("params", values), () -> run.logParams(values));
  }

  private static JsonArray said(Object... parts) {
    return new Gson().toJsonTree(parts).getAsJsonArray();
  }

  private void say(JsonArray operation, Call call) throws Exception {
    JsonObject before = new JsonObject();
    before.addProperty("number", ++number);
    before.addProperty("run", name);
    before.add("operation", operation);
    write("say", before);
    JsonObject after = new JsonObject();
    after.addProperty("number", number);
    try {
      call.run();
    } catch (Exception error) {
      after.addProperty("error", error.toString());
      write("done", after);
      throw error;
    }
    write("done", after);
  }

  private synchronized void write(String event, JsonObject line) throws IOException {
    line.addProperty("time", System.nanoTime()); // the clock of Python's time.monotonic_ns
    line.addProperty("event", event);
    journal.write(ByteBuffer.wrap((line + "\n").getBytes(StandardCharsets.UTF_8)));
  }

  private void tick() {
    try {
      while (true) {
        Thread.sleep(TICK_MILLIS);
        write("tick", new JsonObject());
      }
    } catch (IOException | InterruptedException error) {
      throw new IllegalStateException(error);
    }
  }
}
