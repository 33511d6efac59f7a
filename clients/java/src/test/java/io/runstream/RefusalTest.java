package io.runstream;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.Gson;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import io.grpc.CallOptions;
import io.grpc.ClientCall;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import io.runstream.testing.Python;
import io.runstream.v1.CreateRunRequest;
import io.runstream.v1.LogRequest;
import io.runstream.v1.Param;
import io.runstream.v1.Run;
import io.runstream.v1.RunTag;
import io.runstream.v1.UpdateRunRequest;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What is refused, by the client or by the server, and what that leaves behind: nothing. */
@Timeout(120)
class RefusalTest extends SharedServerTest {
  private static final Duration MINUTE = Duration.ofSeconds(60);
  private static final String LONE_SURROGATE = "a\ud800b";

  @Test
  void aParamOfABatchThatWasRefusedMayHaveAnotherValue() { // P1, P5
    String id = client.createRun().getRunId();
    client.logParam(id, "rate", "0.1");
    client.flush(MINUTE);
    try (TrackingClient other = TrackingClient.connect(server.uri())) {
      RunHandle run = other.resumeRun(id);
      run.logParams(Map.of("rate", "0.2", "layers", "3"));
      TrackingException refusal = assertThrows(TrackingException.class, () -> run.flush(MINUTE));
      assertEquals("PARAM_IMMUTABLE", refusal.reason());
      run.logParam("layers", "4");
      run.logParam("rate", "0.1");
      run.close();
    }
    assertEquals(
        Map.of("rate", "0.1", "layers", "4"),
        client.runs().get(id).getData().getParamsList().stream()
            .collect(Collectors.toMap(Param::getKey, Param::getValue)));
  }

  @Test
  void theSameKeysAreAllowedAndRefusedAsInPython() throws Exception { // M1
    String text = Files.readString(Python.ROOT.resolve("tests/support/vectors.json"));
    JsonObject keys = new Gson().fromJson(text, JsonObject.class).getAsJsonObject("keys");
    RunHandle run = client.startRun("keys");
    int count = 0;
    for (JsonElement key : keys.getAsJsonArray("allowed")) {
      run.logMetric(key.getAsString(), count++, 0);
      run.logParam(key.getAsString(), "1");
      run.setTag(key.getAsString(), "1");
    }
    for (JsonElement key : keys.getAsJsonArray("refused")) {
      for (Runnable call :
          List.<Runnable>of(
              () -> run.logMetric(key.getAsString(), 1, 0),
              () -> run.logParam(key.getAsString(), "1"),
              () -> run.setTag(key.getAsString(), "1"))) {
        TrackingException error = assertThrows(TrackingException.class, call::run, key.toString());
        assertEquals(Status.Code.INVALID_ARGUMENT, error.code());
      }
    }
    run.close();
    Run stored = client.runs().get(run.runId());
    assertEquals(count, stored.getData().getMetricsCount());
    assertEquals(count, stored.getData().getParamsCount());
  }

  @Test
  void aValueThatIsNullIsRefusedByItsNameAndNothingIsLogged() {
    RunHandle run = client.startRun("null");
    Map<String, Double> metrics = new HashMap<>();
    metrics.put("loss", 1.0);
    metrics.put("accuracy", null);
    TrackingException error =
        assertThrows(TrackingException.class, () -> run.logMetrics(metrics, 1));
    assertEquals("metrics.accuracy is null, it must have a value", error.getMessage());
    error = assertThrows(TrackingException.class, () -> run.logParam("rate", null));
    assertEquals("params.rate", error.field());
    error = assertThrows(TrackingException.class, () -> run.setTag("stage", null));
    assertEquals("tags.stage", error.field());
    run.close();
    Run stored = client.runs().get(run.runId());
    assertEquals(0, stored.getData().getMetricsCount() + stored.getData().getParamsCount());
  }

  @Test
  void textThatIsNoUnicodeIsRefusedInEveryRequest() {
    String id = client.createRun().getRunId();
    RunTag tag = RunTag.newBuilder().setKey("note").setValue(LONE_SURROGATE).build();
    List<Runnable> calls =
        List.of(
            () -> client.startRun(LONE_SURROGATE),
            () -> client.runs().create(CreateRunRequest.newBuilder().addTags(tag).build()),
            () ->
                client
                    .runs()
                    .update(
                        UpdateRunRequest.newBuilder()
                            .setRunId(id)
                            .setRunName(LONE_SURROGATE)
                            .build()),
            () -> client.experiments().create(LONE_SURROGATE),
            () -> client.experiments().setTag("0", "note", LONE_SURROGATE),
            () -> client.log(LogRequest.newBuilder().setRunId(id).addTags(tag).build()),
            () -> client.logMetric(id, LONE_SURROGATE, 1, 0),
            () -> client.setTag(id, "note", LONE_SURROGATE),
            () -> client.artifacts().upload(id, new byte[1], LONE_SURROGATE),
            () -> client.histories().get(id, LONE_SURROGATE));
    for (Runnable call : calls) {
      TrackingException error = assertThrows(TrackingException.class, call::run);
      assertEquals(Status.Code.INVALID_ARGUMENT, error.code());
      assertTrue(error.getMessage().contains("surrogate"), error.getMessage());
    }
    assertTrue(client.experiments().getByName("a?b").isEmpty());
  }

  @Test
  void whatIsNoRegularFileIsRefusedByItsName() throws Exception {
    String id = client.createRun().getRunId();
    Path source = Files.createDirectory(folder.resolve("source"));
    Files.write(source.resolve("a.txt"), new byte[10]);
    Path pipe = source.resolve("pipe");
    assertEquals(0, new ProcessBuilder("mkfifo", pipe.toString()).start().waitFor());
    for (boolean whole : List.of(true, false)) {
      TrackingException error =
          assertThrows(
              TrackingException.class,
              () -> {
                if (whole) {
                  client.artifacts().uploadFolder(id, source, "");
                } else {
                  client.artifacts().upload(id, pipe, "pipe");
                }
              });
      assertEquals("FILE_NOT_REGULAR", error.reason());
      assertTrue(error.getMessage().contains(pipe.toString()), error.getMessage());
    }
    Files.delete(pipe);
    Files.createSymbolicLink(source.resolve("dangling"), folder.resolve("nothing"));
    assertThrows(
        java.nio.file.NoSuchFileException.class,
        () -> client.artifacts().uploadFolder(id, source, ""));
    Files.delete(source.resolve("dangling"));
    Files.createSymbolicLink(source.resolve("circle"), source);
    assertThrows(
        java.nio.file.FileSystemLoopException.class,
        () -> client.artifacts().uploadFolder(id, source, ""));
    assertTrue(
        !client.artifacts().list(id, "").hasNext(), "nothing is uploaded before all is checked");
  }

  /** A channel that makes no call while it is broken. */
  private static final class BrokenChannel extends ManagedChannel {
    final ManagedChannel real;
    volatile boolean broken = true;

    BrokenChannel(ManagedChannel real) {
      this.real = real;
    }

    @Override
    public <Q, A> ClientCall<Q, A> newCall(MethodDescriptor<Q, A> method, CallOptions options) {
      if (broken) {
        throw new LinkageError("two versions of one library");
      }
      return real.newCall(method, options);
    }

    @Override
    public String authority() {
      return real.authority();
    }

    @Override
    public ManagedChannel shutdown() {
      return real.shutdown();
    }

    @Override
    public ManagedChannel shutdownNow() {
      return real.shutdownNow();
    }

    @Override
    public boolean isShutdown() {
      return real.isShutdown();
    }

    @Override
    public boolean isTerminated() {
      return real.isTerminated();
    }

    @Override
    public boolean awaitTermination(long timeout, TimeUnit unit) throws InterruptedException {
      return real.awaitTermination(timeout, unit);
    }

    @Override
    public io.grpc.ConnectivityState getState(boolean connect) {
      return real.getState(connect);
    }
  }

  @Test
  void whenTheUploaderFailsEveryCallThatLogsThrowsAndNothingIsLost() throws Exception {
    String id = client.createRun().getRunId();
    BrokenChannel channel =
        new BrokenChannel(
            Grpc.newChannelBuilder(
                    "127.0.0.1:" + server.port(), InsecureChannelCredentials.create())
                .build());
    try (TrackingClient other = TrackingClient.over(channel)) {
      other.logMetric(id, "loss", 1, 1);
      TrackingException thrown = null;
      for (int i = 0; thrown == null && i < 3_000; i++) {
        try {
          other.setTag(id, "stage", "trial");
        } catch (TrackingException error) {
          thrown = error;
        }
        Thread.sleep(10);
      }
      assertEquals("UPLOADER_FAILED", thrown.reason());
      assertTrue(thrown.getMessage().contains("two versions"), thrown.getMessage());
      assertThrows(TrackingException.class, () -> other.flush(MINUTE));
      channel.broken = false;
      while (client.histories().get(id, "loss").isEmpty()) {
        Thread.sleep(10);
      }
    } finally {
      channel.real.shutdownNow();
    }
    assertEquals(
        List.of("trial"),
        client.runs().get(id).getData().getTagsList().stream()
            .filter(tag -> tag.getKey().equals("stage"))
            .map(RunTag::getValue)
            .collect(Collectors.toList()));
  }
}
