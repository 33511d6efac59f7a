package io.runstream;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.grpc.Grpc;
import io.grpc.InsecureServerCredentials;
import io.grpc.Status;
import io.grpc.stub.StreamObserver;
import io.runstream.testing.Postgres;
import io.runstream.testing.Proxy;
import io.runstream.testing.Server;
import io.runstream.v1.CreateRunRequest;
import io.runstream.v1.CreateRunResponse;
import io.runstream.v1.GetRunRequest;
import io.runstream.v1.GetRunResponse;
import io.runstream.v1.Metric;
import io.runstream.v1.ReadMetricHistoryRequest;
import io.runstream.v1.ReadMetricHistoryResponse;
import io.runstream.v1.RunServiceGrpc;
import io.runstream.v1.WatchRequest;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import java.util.stream.Collectors;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Tracking URIs of several servers: calls take turns, and go elsewhere when one is away.
 *
 * <p>Most tests reach one server by three doors, which can be closed: so do servers that share a
 * database.
 */
@Timeout(120)
class SeveralServersTest extends SharedServerTest {
  private static final Duration MINUTE = Duration.ofSeconds(60);
  private List<Proxy> doors;

  @BeforeEach
  void openDoors() {
    doors = Stream.generate(() -> new Proxy(server.port())).limit(3).collect(Collectors.toList());
  }

  @AfterEach
  void closeDoors() {
    doors.forEach(Proxy::close);
  }

  @Test
  void callsTakeTurns() {
    try (TrackingClient client = TrackingClient.connect(uri())) {
      List<Proxy> unused = new ArrayList<>(doors);
      while (!unused.isEmpty()) {
        unused.remove(doorOf(() -> client.experiments().get("0")));
      }
    }
  }

  @Test
  void aServerThatIsAwayCostsNoCallAndGetsItsTurnWhenItIsBack(@TempDir Path other)
      throws IOException {
    int port = freePort();
    String away = "127.0.0.1:" + port;
    try (TrackingClient client = TrackingClient.connect(server.uri() + "," + away)) {
      for (int i = 0; i < 20; i++) {
        assertEquals("0", client.experiments().get("0").getExperimentId());
      }
      client.experiments().create("of the server that is there");
      try (Server back = Server.start(other, "--port", String.valueOf(port))) {
        assertEquals(port, back.port());
        while (hasExperiment(client)) {}
      }
      for (int i = 0; i < 20; i++) {
        assertTrue(hasExperiment(client));
      }
    }
  }

  private static boolean hasExperiment(TrackingClient client) {
    return client.experiments().getByName("of the server that is there").isPresent();
  }

  @Test
  void aNameThatCannotBeLookedUpCostsNoCall() {
    String uri = "grpc://nowhere.localhost:1,127.0.0.1:" + server.port();
    try (TrackingClient client = TrackingClient.connect(uri)) {
      for (int i = 0; i < 20; i++) {
        assertEquals("0", client.experiments().get("0").getExperimentId());
      }
    }
  }

  @Test
  void aServerThatSaysItIsUnavailableCostsNoCall() throws IOException {
    io.grpc.Server full = serverWithoutStorage();
    String address = "127.0.0.1:" + full.getPort();
    try (TrackingClient client = TrackingClient.connect(server.uri() + "," + address)) {
      String id = client.createRun().getRunId();
      for (int i = 0; i < 20; i++) {
        assertEquals(id, client.runs().get(id).getInfo().getRunId());
      }
    } finally {
      full.shutdownNow();
    }
  }

  @Test
  void whatAServerSaysThatIsUnavailableUntilTheDeadlineIsTold() throws IOException {
    io.grpc.Server full = serverWithoutStorage();
    try (TrackingClient client =
        TrackingClient.builder("grpc://127.0.0.1:" + full.getPort())
            .deadline(Duration.ofSeconds(1))
            .build()) {
      TrackingException error =
          assertThrows(TrackingException.class, () -> client.runs().get("f".repeat(32)));
      assertEquals(Status.Code.UNAVAILABLE, error.code());
      assertEquals("the storage failed: the disk is full", error.getMessage());
    } finally {
      full.shutdownNow();
    }
  }

  /** A real one is so only while its disk is full, which no test can have. */
  private static io.grpc.Server serverWithoutStorage() throws IOException {
    RunServiceGrpc.RunServiceImplBase runs =
        new RunServiceGrpc.RunServiceImplBase() {
          @Override
          public void createRun(CreateRunRequest request, StreamObserver<CreateRunResponse> to) {
            to.onError(error());
          }

          @Override
          public void getRun(GetRunRequest request, StreamObserver<GetRunResponse> to) {
            to.onError(error());
          }

          private Exception error() {
            return Status.UNAVAILABLE
                .withDescription("the storage failed: the disk is full")
                .asException();
          }
        };
    return Grpc.newServerBuilderForPort(0, InsecureServerCredentials.create())
        .addService(runs)
        .build()
        .start();
  }

  @Test
  void whereNoneOfTheServersIsTheErrorNamesAll() throws IOException {
    String servers = "127.0.0.1:" + freePort() + ",localhost:" + freePort();
    try (TrackingClient client =
        TrackingClient.builder("grpc://" + servers).deadline(Duration.ofSeconds(1)).build()) {
      TrackingException error = assertThrows(TrackingException.class, client::createRun);
      assertEquals(Status.Code.UNAVAILABLE, error.code());
      assertTrue(error.getMessage().contains("directly"), error.getMessage());
      for (String address : servers.split(",")) {
        assertTrue(error.getMessage().contains(address), error.getMessage());
      }
    }
  }

  @Test
  void whatIsLoggedWhileServersOfOneDatabaseAreKilledIsThereOnce(@TempDir Path shared) // M4
      throws IOException {
    Path one = Files.createDirectory(shared.resolve("one"));
    Path two = Files.createDirectory(shared.resolve("two"));
    String files = shared.resolve("artifacts").toString();
    try (Postgres postgres = new Postgres();
        Server first = Server.start(one, "--database", postgres.url(), "--artifact-root", files);
        Server second = Server.start(two, "--database", postgres.url(), "--artifact-root", files);
        TrackingClient client =
            TrackingClient.connect(first.uri() + ",127.0.0.1:" + second.port())) {
      String id = client.createRun().getRunId();
      for (long step = 0; step < 60_000; step++) {
        if (step == 20_000) {
          client.flush(MINUTE);
          first.kill();
        } else if (step == 40_000) {
          first.restart();
          second.kill();
        } else if (step % 15_000 == 0) {
          assertEquals(id, client.runs().get(id).getInfo().getRunId());
        }
        client.logMetric(id, "loss", step / 3.0, step);
      }
      client.setTag(id, "after", "all");
      client.flush(MINUTE);
      List<Metric> history = client.histories().get(id, "loss");
      assertEquals(range(60_000), steps(history));
      assertTrue(history.stream().allMatch(point -> point.getValue() == point.getStep() / 3.0));
      assertEquals("all", client.runs().get(id).getData().getTags(0).getValue());
      client.setTerminated(id);
    }
  }

  @Test
  void aStreamGoesOnWithAnotherServerWithoutAWarning() { // M4
    Log log = new Log();
    Logger.getLogger("io.runstream").addHandler(log);
    try (TrackingClient client = TrackingClient.connect(uri())) {
      String id = client.createRun().getRunId();
      for (long step = 0; step < 3_000; step++) {
        client.logMetric(id, "loss", step / 3.0, step);
        if (step == 1_000) {
          closeDoorOf(() -> client.flush(MINUTE));
        }
      }
      client.flush(MINUTE);
      assertEquals(range(3_000), steps(client.histories().get(id, "loss")));
      assertEquals(List.of(), log.warnings);
    } finally {
      Logger.getLogger("io.runstream").removeHandler(log);
    }
  }

  @Test
  void aHistoryGoesOnWithAnotherServer() { // M6
    String id = client.createRun().getRunId();
    for (long step = 0; step < 80_000; step++) {
      client.logMetric(id, step % 2 == 0 ? "a" : "b", step, step);
    }
    client.flush(MINUTE);
    ReadMetricHistoryRequest request = ReadMetricHistoryRequest.newBuilder().setRunId(id).build();
    List<Long> steps = new ArrayList<>();
    try (TrackingClient reader = TrackingClient.connect(uri());
        Answers<ReadMetricHistoryResponse> answers = reader.histories().read(request)) {
      while (answers.hasNext()) {
        Runnable read = () -> steps.addAll(answers.next().getMetrics().getStepList());
        if (doors.size() == 3) {
          closeDoorOf(read);
        } else {
          read.run();
        }
      }
    }
    List<Long> even = range(80_000).stream().filter(i -> i % 2 == 0).collect(Collectors.toList());
    List<Long> odd = range(80_000).stream().filter(i -> i % 2 == 1).collect(Collectors.toList());
    assertEquals(even, steps.subList(0, 40_000));
    assertEquals(odd, steps.subList(40_000, steps.size()));
  }

  @Test
  void aWatchGoesOnWithAnotherServerAndMissesNothing() {
    String id = client.createRun().getRunId();
    try (TrackingClient watcher = TrackingClient.connect(uri());
        Watch watch = watcher.watch(WatchRequest.newBuilder().addRunIds(id).build())) {
      TreeSet<Long> seen = new TreeSet<>();
      for (long step = 0; step < 30; step++) {
        client.logMetric(id, "m", 1, step);
        client.flush(MINUTE);
        long last = step;
        Runnable read =
            () -> {
              while (!seen.contains(last)) {
                seen.addAll(watch.next().getMetrics().getStepList());
              }
            };
        if (step == 10 || step == 20) {
          closeDoorOf(read);
        } else {
          read.run();
        }
      }
      assertEquals(range(30), List.copyOf(seen));
    }
  }

  private String uri() {
    return "grpc://"
        + doors.stream()
            .map(door -> door.uri().substring("grpc://".length()))
            .collect(Collectors.joining(","));
  }

  /** Returns the door by which a client does something. */
  private Proxy doorOf(Runnable use) {
    List<Long> before = doors.stream().map(Proxy::forwarded).collect(Collectors.toList());
    use.run();
    Proxy used = doors.get(0);
    long most = -1;
    for (int i = 0; i < doors.size(); i++) {
      long bytes = doors.get(i).forwarded() - before.get(i);
      if (bytes > most) {
        used = doors.get(i);
        most = bytes;
      }
    }
    return used;
  }

  private void closeDoorOf(Runnable use) {
    Proxy door = doorOf(use);
    door.close();
    doors.remove(door);
  }

  /** What a client logs that is worth a look. */
  private static final class Log extends Handler {
    final List<String> warnings = new CopyOnWriteArrayList<>();

    @Override
    public void publish(LogRecord line) {
      if (line.getLevel().intValue() > Level.INFO.intValue()) {
        warnings.add(line.getMessage());
      }
    }

    @Override
    public void flush() {}

    @Override
    public void close() {}
  }

  private static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    }
  }

  private static List<Long> steps(List<Metric> history) {
    return history.stream().map(Metric::getStep).collect(Collectors.toList());
  }

  private static List<Long> range(long end) {
    return LongStream.range(0, end).boxed().collect(Collectors.toList());
  }
}
