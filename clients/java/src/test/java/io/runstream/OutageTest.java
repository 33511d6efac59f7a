package io.runstream;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.runstream.testing.Programs;
import io.runstream.testing.Proxy;
import io.runstream.testing.Training;
import io.runstream.v1.Metric;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Collectors;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

/** Servers, networks and clients that die while points are logged: nothing is lost or doubled. */
class OutageTest extends ServerTest {
  private static final Duration MINUTE = Duration.ofSeconds(60);

  @Test
  void aKilledAndRestartedServerHasEveryPointOnce() throws InterruptedException { // M4
    try (TrackingClient client = TrackingClient.connect(server.uri())) {
      String id = client.createRun().getRunId();
      Thread killer =
          new Thread(
              () -> {
                for (int i = 0; i < 3; i++) {
                  pause(500);
                  server.kill();
                  pause(200);
                  server.restart();
                }
              });
      killer.start();
      long count = 0;
      while (killer.isAlive()) {
        for (int i = 0; i < 100; i++) {
          client.logMetric(id, "m", count / 7.0, count);
          count++;
        }
        pause(2);
      }
      client.flush(MINUTE);
      assertEquals(range(count), steps(client, id));
    }
  }

  @Test
  void aCutConnectionIsMadeAgainAndNothingIsLost() { // M4
    long count = 0;
    String id;
    try (Proxy proxy = new Proxy(server.port());
        TrackingClient client = TrackingClient.connect(proxy.uri())) {
      id = client.createRun().getRunId();
      for (int cut = 0; cut < 10; cut++) {
        for (int i = 0; i < 2_000; i++) {
          client.logMetric(id, "m", count / 7.0, count);
          count++;
        }
        pause(30);
        proxy.cut();
      }
      client.logParam(id, "after", "the cuts");
      client.flush(MINUTE);
    }
    try (TrackingClient client = TrackingClient.connect(server.uri())) {
      assertEquals(range(count), steps(client, id));
      assertEquals("the cuts", client.runs().get(id).getData().getParams(0).getValue());
    }
  }

  @Test
  void aCallWhoseConnectionIsCutIsRepeated() { // P3
    try (Proxy proxy = new Proxy(server.port());
        TrackingClient client = TrackingClient.connect(proxy.uri())) {
      String id = client.createRun().getRunId();
      client.artifacts().upload(id, new byte[] {1}, "a.txt");
      loseAnswer(proxy, () -> client.artifacts().delete(id, "a.txt"));
      loseAnswer(proxy, () -> client.runs().delete(id));
      assertEquals("deleted", client.runs().get(id).getInfo().getLifecycleStage());
      AtomicReference<String> experiment = new AtomicReference<>();
      loseAnswer(proxy, () -> experiment.set(client.experiments().create("repeated")));
      assertEquals("repeated", client.experiments().get(experiment.get()).getName());
    }
  }

  private static void loseAnswer(Proxy proxy, Runnable call) {
    proxy.swallowAnswers();
    Thread healer =
        new Thread(
            () -> {
              pause(500);
              proxy.heal();
              proxy.cut();
            });
    healer.start();
    call.run();
  }

  @Test
  void aCallAtTheMomentOfACutIsRepeated() {
    try (Proxy proxy = new Proxy(server.port());
        TrackingClient client = TrackingClient.connect(proxy.uri())) {
      for (int cut = 0; cut < 40; cut++) {
        client.experiments().get("0");
        proxy.cut();
        client.experiments().get("0");
      }
    }
  }

  @Test
  void aSilentNetworkSlowsNoStepAndIsNoticed() {
    String id;
    try (Proxy proxy = new Proxy(server.port());
        TrackingClient client = TrackingClient.connect(proxy.uri())) {
      id = client.createRun().getRunId();
      client.logMetric(id, "m", 0, 0);
      client.flush(MINUTE);
      proxy.swallow();
      long slowest = 0;
      for (long step = 1; step <= 5_000; step++) {
        long started = System.nanoTime();
        client.logMetric(id, "m", 0, step);
        slowest = Math.max(slowest, System.nanoTime() - started);
      }
      assertTrue(slowest < 500_000_000, slowest + " ns");
      TrackingException late =
          assertThrows(TrackingException.class, () -> client.flush(Duration.ofSeconds(1)));
      assertEquals(Status.Code.DEADLINE_EXCEEDED, late.code());
      proxy.heal();
      client.flush(Duration.ofSeconds(25)); // the keepalive finds out within 20
    }
    try (TrackingClient client = TrackingClient.connect(server.uri())) {
      assertEquals(range(5_001), steps(client, id));
    }
  }

  @Test
  void aServerThatIsAwayForLongCostsSoMuchMemoryAndThenTime() throws Exception { // M7
    try (TrackingClient client = inMemory()) {
      String id = client.createRun().getRunId();
      server.kill();
      CountDownLatch first = new CountDownLatch(1);
      long count = 4_000_000; // 20 bytes each, of which 64 MiB may wait
      Thread training =
          new Thread(
              () -> {
                for (long step = 0; step < count; step++) {
                  client.logMetric(id, "m", 1 / (step + 1.0), step);
                  first.countDown();
                }
              });
      training.start();
      first.await();
      while (waitingBytes(client) < MemoryRoom.LIMIT_BYTES) {
        pause(10);
      }
      training.join(1_000);
      assertTrue(training.isAlive(), "it must wait for room");
      long waiting = waitingBytes(client);
      assertTrue(waiting < 1.1 * MemoryRoom.LIMIT_BYTES, waiting + "");
      server.restart();
      training.join(5 * MINUTE.toMillis());
      client.flush(MINUTE);
      assertEquals(count, client.histories().get(id, "m").size());
    }
  }

  @Test
  void aCallThatWaitsForRoomFailsWhenTheClientCloses() throws Exception {
    TrackingClient client = inMemory();
    String id = client.createRun().getRunId();
    server.kill();
    Training training = new Training(step -> client.logMetric(id, "m", 1, step));
    training.await(1);
    while (waitingBytes(client) < MemoryRoom.LIMIT_BYTES) {
      pause(10);
    }
    Thread closing = new Thread(client::close);
    closing.start();
    long steps = training.steps(5_000);
    assertTrue(steps > 0, "it must not wait for a client that closes");
    server.restart();
    closing.join(60_000);
    try (TrackingClient other = TrackingClient.connect(server.uri())) {
      assertEquals(steps, other.histories().get(id, "m").size());
    }
  }

  @Test
  void aCallThatWaitsForRoomFailsWhenTheUploaderEnds() throws Exception {
    ManagedChannel channel =
        Grpc.newChannelBuilder(
                server.uri().substring("grpc://".length()), InsecureChannelCredentials.create())
            .build();
    Uploader uploader = new Uploader(channel, 1, new MemoryQueue(), false);
    RunBuffer run = uploader.outbox.buffers.getOrCreate("0".repeat(32));
    server.kill();
    AtomicReference<Throwable> end = new AtomicReference<>();
    Thread training =
        new Thread(
            () -> {
              for (long step = 0; ; step++) {
                run.logMetric("m", 1, step);
              }
            });
    training.setUncaughtExceptionHandler((thread, error) -> end.set(error));
    training.start();
    training.join(4_000); // by then it waits
    assertTrue(training.isAlive());
    uploader.close();
    training.join(10_000);
    assertTrue(end.get() instanceof TrackingException, String.valueOf(end.get()));
    channel.shutdownNow();
    server.restart();
  }

  @Test
  void aServerThatIsNotThereIsNamed() throws Exception {
    String uri = server.uri();
    server.kill();
    try (TrackingClient client =
        TrackingClient.builder(uri).deadline(Duration.ofSeconds(1)).build()) {
      TrackingException error = assertThrows(TrackingException.class, client::createRun);
      assertEquals(Status.Code.UNAVAILABLE, error.code());
      assertTrue(error.getMessage().contains(uri.substring("grpc://".length())));
    } finally {
      server.restart();
    }
  }

  /** Logs without end, and tells how much is flushed. */
  public static final class Logger {
    public static void main(String[] arguments) {
      TrackingClient client = TrackingClient.connect(arguments[0]);
      String id = client.createRun().getRunId();
      System.out.println(id);
      for (long i = 0; ; i++) {
        for (int j = 0; j < 100; j++) {
          client.logMetric(id, "m", 0.5, 100 * i + j);
        }
        client.flush(MINUTE);
        System.out.println(100 * (i + 1));
      }
    }
  }

  @Test
  void whatAKilledClientFlushedIsThere() throws Exception {
    Process process = Programs.java(Logger.class, List.of(), server.uri()).start();
    BufferedReader words =
        new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
    String id = words.readLine();
    long flushed = 0;
    for (int i = 0; i < 50; i++) {
      flushed = Long.parseLong(words.readLine());
    }
    process.toHandle().destroyForcibly(); // which leaves its last words readable
    process.waitFor();
    for (String line; (line = words.readLine()) != null && !line.isEmpty(); ) {
      flushed = Math.max(flushed, Long.parseLong(line));
    }
    try (TrackingClient client = TrackingClient.connect(server.uri())) {
      List<Long> stored = steps(client, id);
      assertEquals(range(stored.size()), stored);
      assertTrue(flushed <= stored.size() && stored.size() <= flushed + 100);
    }
  }

  /** Returns a client without a spool. */
  private TrackingClient inMemory() throws Exception {
    return TrackingClient.builder(server.uri()).spool(Map.of("RUNSTREAM_SPOOL_LIMIT", "0")).build();
  }

  private static List<Long> steps(TrackingClient client, String runId) {
    return client.histories().get(runId, "m").stream()
        .map(Metric::getStep)
        .collect(Collectors.toList());
  }

  private static List<Long> range(long end) {
    return LongStream.range(0, end).boxed().collect(Collectors.toList());
  }

  private static long waitingBytes(TrackingClient client) {
    TrackingException late =
        assertThrows(TrackingException.class, () -> client.flush(Duration.ofMillis(100)));
    return Long.parseLong(late.metadata().get("bytes"));
  }

  private static void pause(long millis) {
    try {
      Thread.sleep(millis);
    } catch (InterruptedException interrupt) {
      throw new IllegalStateException(interrupt);
    }
  }
}
