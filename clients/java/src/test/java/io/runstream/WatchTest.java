package io.runstream;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.grpc.Grpc;
import io.grpc.InsecureServerCredentials;
import io.grpc.Status;
import io.grpc.stub.StreamObserver;
import io.runstream.testing.Proxy;
import io.runstream.v1.RunChange;
import io.runstream.v1.RunStatus;
import io.runstream.v1.WatchRequest;
import io.runstream.v1.WatchResponse;
import io.runstream.v1.WatchServiceGrpc;
import java.time.Duration;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Following runs live. */
@Timeout(60)
class WatchTest extends ClientTest {
  @Test
  void aWatcherOfAnExperimentSeesARunFromItsStartToItsEnd() {
    try (Watch watch = client.watch(WatchRequest.newBuilder().addExperimentIds("0").build())) {
      try (RunHandle run = client.startRun("watched")) {
        run.logParam("lr", "0.1");
        run.logMetric("loss", 0.5, 1);
      }
      boolean param = false;
      boolean point = false;
      RunChange change;
      do {
        change = watch.next();
        param |= change.getParamsCount() == 1 && change.getParams(0).getValue().equals("0.1");
        point |= change.getMetrics().getValueList().contains(0.5);
      } while (change.getInfo().getStatus() != RunStatus.FINISHED);
      assertTrue(param && point);
      assertEquals("watched", change.getInfo().getRunName());
      assertFalse(watch.position().isEmpty());
    }
  }

  @Test
  void aWatchGoesOnOverACutConnectionAndMissesNothing() throws InterruptedException {
    String id = client.createRun().getRunId();
    try (Proxy proxy = new Proxy(server.port());
        TrackingClient watcher = TrackingClient.connect(proxy.uri());
        Watch watch = watcher.watch(WatchRequest.newBuilder().addRunIds(id).build())) {
      TreeSet<Long> steps = new TreeSet<>();
      for (long step = 0; step < 100; step++) {
        client.logMetric(id, "m", 1, step);
        client.flush(Duration.ofSeconds(10));
        if (step % 25 == 10) {
          proxy.cut();
        }
      }
      while (steps.size() < 100) {
        steps.addAll(watch.next().getMetrics().getStepList());
      }
      assertEquals(99, steps.last());
    }
  }

  @Test
  void aWatchStartsWhereAReadBegan() {
    String id = client.createRun().getRunId();
    String position = client.position();
    client.logMetric(id, "m", 7, 1);
    client.flush(Duration.ofSeconds(10));
    WatchRequest request = WatchRequest.newBuilder().addRunIds(id).setPosition(position).build();
    try (Watch watch = client.watch(request)) {
      assertEquals(7.0, watch.next().getMetrics().getValue(0));
    }
  }

  @Test
  void anotherThreadEndsAWatch() throws InterruptedException {
    String id = client.createRun().getRunId();
    Watch watch = client.watch(WatchRequest.newBuilder().addRunIds(id).build());
    Thread closer =
        new Thread(
            () -> {
              try {
                Thread.sleep(200);
              } catch (InterruptedException interrupt) {
                throw new IllegalStateException(interrupt);
              }
              watch.close();
            });
    closer.start();
    assertFalse(watch.hasNext());
    closer.join();
  }

  @Test
  void aWatchOfAClientThatIsClosedEnds() throws InterruptedException {
    String id = client.createRun().getRunId();
    TrackingClient other = TrackingClient.connect(server.uri());
    Watch watch = other.watch(WatchRequest.newBuilder().addRunIds(id).build());
    Thread closer = new Thread(other::close);
    closer.start();
    TrackingException error = assertThrows(TrackingException.class, watch::hasNext);
    assertEquals(Status.Code.UNAVAILABLE, error.code());
    closer.join();
  }

  @Test
  void aServerThatRefusesEveryWatchIsNotAskedWithoutAPause() throws Exception {
    AtomicInteger watches = new AtomicInteger();
    // No real server does this; a proxy whose server is away does.
    WatchServiceGrpc.WatchServiceImplBase away =
        new WatchServiceGrpc.WatchServiceImplBase() {
          @Override
          public void watch(WatchRequest request, StreamObserver<WatchResponse> answers) {
            watches.incrementAndGet();
            answers.onError(Status.UNAVAILABLE.asException());
          }
        };
    io.grpc.Server proxy =
        Grpc.newServerBuilderForPort(0, InsecureServerCredentials.create())
            .addService(away)
            .build()
            .start();
    String uri = "grpc://127.0.0.1:" + proxy.getPort();
    try (TrackingClient other =
        TrackingClient.builder(uri).deadline(Duration.ofSeconds(1)).build()) {
      WatchRequest request = WatchRequest.newBuilder().addRunIds("f").setPosition("1").build();
      TrackingException error = assertThrows(TrackingException.class, () -> other.watch(request));
      assertEquals(Status.Code.UNAVAILABLE, error.code()); // after its deadline
      assertTrue(watches.get() > 1 && watches.get() < 10, watches + " in a second");
    } finally {
      proxy.shutdownNow().awaitTermination();
    }
  }

  @Test
  void watchingARunThatIsNotThereOrFromAPositionOfAnotherServerIsRefused() {
    WatchRequest nobody = WatchRequest.newBuilder().addRunIds("f".repeat(32)).build();
    TrackingException error = assertThrows(TrackingException.class, () -> client.watch(nobody));
    assertEquals(Status.Code.NOT_FOUND, error.code());
    String id = client.createRun().getRunId();
    String position = client.position();
    server.kill();
    server.restart();
    WatchRequest old = WatchRequest.newBuilder().addRunIds(id).setPosition(position).build();
    TrackingException behind =
        assertThrows(TrackingException.class, () -> client.watch(old).hasNext());
    assertEquals("WATCH_FELL_BEHIND", behind.reason());
  }
}
