package io.runstream;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.grpc.Grpc;
import io.grpc.InsecureServerCredentials;
import io.grpc.Status;
import io.grpc.stub.StreamObserver;
import io.runstream.testing.Server;
import io.runstream.v1.LogBatchRequest;
import io.runstream.v1.LogBatchResponse;
import io.runstream.v1.LoggingServiceGrpc.LoggingServiceImplBase;
import io.runstream.v1.ServerRole;
import io.runstream.v1.WatchRequest;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** How a client waits when a real server told it that it asks for too much. */
@Timeout(120)
class CallerLimitTest {
  private static final Duration MANY_WAITS = Duration.ofMillis(800);

  @TempDir Path folder;

  private static String adminToken(Server server) {
    return AccessTest.createToken(server, null, "root", ServerRole.SERVER_ROLE_ADMIN).getSecret();
  }

  private static TrackingClient connect(Server server, String token) throws IOException {
    return TrackingClient.builder(server.uri()).token(token).build();
  }

  /** Does something twelve times, and returns how long that took. */
  private static Duration timeOfTwelve(Runnable work) {
    long begin = System.nanoTime();
    for (int i = 0; i < 12; i++) {
      work.run();
    }
    return Duration.ofNanos(System.nanoTime() - begin);
  }

  private static void assertWaited(Duration time) {
    assertTrue(time.compareTo(MANY_WAITS) > 0, "it took " + time);
  }

  @Test
  void callsHistoriesAndWatchesWaitAsLongAsTheyAreToldAndGoOn() throws IOException {
    try (Server server = Server.start(folder, "--requests-per-caller", "5");
        TrackingClient client = connect(server, adminToken(server))) {
      String id = client.createRun().getRunId();
      client.logMetric(id, "loss", 0.5, 1);
      client.flush(Duration.ofSeconds(60));
      assertWaited(timeOfTwelve(() -> client.runs().get(id)));
      assertWaited(timeOfTwelve(() -> assertEquals(1, client.histories().get(id, "loss").size())));
      WatchRequest request =
          WatchRequest.newBuilder().addRunIds(id).setPosition(client.position()).build();
      assertWaited(timeOfTwelve(() -> client.watch(request).close()));
    }
  }

  @Test
  void aCallThatWouldHaveToWaitBeyondItsDeadlineIsRefusedAtOnce() throws IOException {
    try (Server server = Server.start(folder, "--requests-per-caller", "1")) {
      try (TrackingClient client =
          TrackingClient.builder(server.uri())
              .token(adminToken(server))
              .deadline(Duration.ofMillis(300))
              .build()) {
        TrackingException error =
            assertThrows(TrackingException.class, () -> timeOfTwelve(client::position));
        assertEquals(Status.Code.RESOURCE_EXHAUSTED, error.code());
        assertEquals("CALLER_LIMIT", error.reason());
        assertTrue(error.retryDelay().compareTo(Duration.ZERO) > 0);
        assertEquals(error.retryDelay(), error.copy().retryDelay());
        TrackingException ofWatch =
            assertThrows(
                TrackingException.class,
                () -> timeOfTwelve(() -> client.watch(WatchRequest.getDefaultInstance()).close()));
        assertEquals("CALLER_LIMIT", ofWatch.reason());
      }
    }
  }

  @Test
  void uploadsAndWhatIsLoggedAreSentWhenTheyAreLetIn() throws Exception {
    try (Server server = Server.start(folder, "--calls-per-caller", "2")) {
      String token = adminToken(server);
      try (TrackingClient other = connect(server, token);
          TrackingClient client = connect(server, token)) {
        String id = client.createRun().getRunId();
        List<Watch> watches = new ArrayList<>();
        for (int i = 0; i < 2; i++) {
          watches.add(other.watch(WatchRequest.newBuilder().addRunIds(id).build()));
        }
        client.logMetric(id, "loss", 0.5, 1);
        CompletableFuture<Void> upload =
            CompletableFuture.runAsync(
                () -> client.artifacts().upload(id, new byte[3_000_000], "weights.bin"));
        TrackingException late =
            assertThrows(TrackingException.class, () -> client.flush(Duration.ofMillis(1_500)));
        assertEquals(Status.Code.DEADLINE_EXCEEDED, late.code()); // waiting may help
        watches.forEach(Watch::close);
        upload.get(60, TimeUnit.SECONDS);
        client.flush(Duration.ofSeconds(60));
        assertEquals(0.5, client.histories().get(id, "loss").get(0).getValue());
        assertEquals(3_000_000, client.artifacts().get(id, "weights.bin").getFileSize());
      }
    }
  }

  @Test
  void aWatchBeginsWhenAnotherOfTheCallerHasEnded() throws Exception {
    try (Server server = Server.start(folder, "--watches-per-caller", "1");
        TrackingClient client = connect(server, adminToken(server))) {
      String id = client.createRun().getRunId();
      WatchRequest request = WatchRequest.newBuilder().addRunIds(id).build();
      Watch first = client.watch(request);
      CompletableFuture<Watch> second = CompletableFuture.supplyAsync(() -> client.watch(request));
      assertThrows(TimeoutException.class, () -> second.get(1_500, TimeUnit.MILLISECONDS));
      first.close();
      second.get(60, TimeUnit.SECONDS).close();
    }
  }

  @Test
  void anUploadForWhichThereIsNoRoomIsRefusedForGood() throws IOException {
    try (Server server = Server.start(folder, "--artifact-gib-per-caller", "0.001");
        TrackingClient client = connect(server, adminToken(server))) {
      String id = client.createRun().getRunId();
      client.artifacts().upload(id, new byte[1_000_000], "first.bin");
      long begin = System.nanoTime();
      TrackingException error =
          assertThrows(
              TrackingException.class,
              () -> client.artifacts().upload(id, new byte[30_000_000], "second.bin"));
      assertEquals("ARTIFACT_BYTES", error.reason());
      assertEquals(Duration.ZERO, error.retryDelay());
      assertTrue(System.nanoTime() - begin < TimeUnit.SECONDS.toNanos(20));
      client.artifacts().upload(id, new byte[1_000], "small.bin");
    }
  }

  @Test
  void aRequestThatIsTooLargeIsRefusedForGood() {
    try (Server server = Server.start(folder);
        TrackingClient client = TrackingClient.connect(server.uri())) {
      String id = client.experiments().create("too large");
      long begin = System.nanoTime();
      TrackingException error =
          assertThrows(
              TrackingException.class,
              () -> client.experiments().setTag(id, "note", "x".repeat(5 << 20)));
      assertEquals(Status.Code.RESOURCE_EXHAUSTED, error.code());
      assertEquals(Duration.ZERO, error.retryDelay());
      assertTrue(System.nanoTime() - begin < TimeUnit.SECONDS.toNanos(20));
    }
  }

  @Test
  void aStreamThatIsRefusedForGoodFailsTheFlushAtOnce() throws IOException {
    LoggingServiceImplBase refusing =
        new LoggingServiceImplBase() {
          @Override
          public StreamObserver<LogBatchRequest> logBatch(StreamObserver<LogBatchResponse> to) {
            to.onError(Status.RESOURCE_EXHAUSTED.asRuntimeException()); // without a RetryInfo
            return new StreamObserver<>() {
              @Override
              public void onNext(LogBatchRequest request) {}

              @Override
              public void onError(Throwable error) {}

              @Override
              public void onCompleted() {}
            };
          }
        };
    io.grpc.Server server =
        Grpc.newServerBuilderForPort(0, InsecureServerCredentials.create())
            .addService(refusing)
            .build()
            .start();
    TrackingClient client = TrackingClient.connect("grpc://127.0.0.1:" + server.getPort());
    try {
      client.logMetric("0".repeat(32), "loss", 0.5, 1);
      TrackingException error =
          assertThrows(TrackingException.class, () -> client.flush(Duration.ofSeconds(60)));
      assertEquals(Status.Code.RESOURCE_EXHAUSTED, error.code());
    } finally {
      assertThrows(TrackingException.class, client::close); // which says what it could not send
      server.shutdownNow();
    }
  }
}
