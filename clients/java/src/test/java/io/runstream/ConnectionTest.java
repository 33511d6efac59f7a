package io.runstream;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.InsecureServerCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerCredentials;
import io.grpc.ServerInterceptor;
import io.grpc.Status;
import io.grpc.TlsServerCredentials;
import io.grpc.stub.StreamObserver;
import io.runstream.testing.Python;
import io.runstream.testing.Server;
import io.runstream.v1.GetPositionRequest;
import io.runstream.v1.GetPositionResponse;
import io.runstream.v1.WatchServiceGrpc;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** How a client comes to its server. Tokens and TLS meet a server of this test. */
class ConnectionTest {
  private static final Metadata.Key<String> AUTHORIZATION =
      Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);

  /** A server that takes note of tokens, over plain TCP or TLS. */
  static final class Gate implements AutoCloseable {
    final BlockingQueue<String> tokens = new LinkedBlockingQueue<>();
    final io.grpc.Server server;

    Gate(ServerCredentials credentials) throws IOException {
      ServerInterceptor notes =
          new ServerInterceptor() {
            @Override
            public <A, B> ServerCall.Listener<A> interceptCall(
                ServerCall<A, B> call, Metadata headers, ServerCallHandler<A, B> next) {
              tokens.add(String.valueOf(headers.get(AUTHORIZATION)));
              return next.startCall(call, headers);
            }
          };
      WatchServiceGrpc.WatchServiceImplBase service =
          new WatchServiceGrpc.WatchServiceImplBase() {
            @Override
            public void getPosition(
                GetPositionRequest request, StreamObserver<GetPositionResponse> answers) {
              answers.onNext(GetPositionResponse.newBuilder().setPosition("here").build());
              answers.onCompleted();
            }
          };
      server =
          Grpc.newServerBuilderForPort(0, credentials)
              .addService(service)
              .intercept(notes)
              .build()
              .start();
    }

    @Override
    public void close() {
      server.shutdownNow();
    }
  }

  @TempDir Path folder;

  @Test
  void aTokenGoesWithEveryCall() throws Exception {
    try (Gate gate = new Gate(InsecureServerCredentials.create());
        TrackingClient client =
            TrackingClient.builder("grpc://localhost:" + gate.server.getPort())
                .token("s3cret")
                .build()) {
      assertEquals("here", client.position());
      assertEquals("Bearer s3cret", gate.tokens.take());
    }
  }

  @Test
  void aServerIsReachedOverTlsIfItsCertificateIsTrusted() throws Exception {
    Python.run("tests/certificates.py", folder.toString());
    ServerCredentials credentials =
        TlsServerCredentials.create(
            folder.resolve("server.pem").toFile(), folder.resolve("server.key").toFile());
    try (Gate gate = new Gate(credentials)) {
      String uri = "grpcs://localhost:" + gate.server.getPort();
      try (TrackingClient client =
          TrackingClient.builder(uri).trusting(folder.resolve("client.pem")).build()) {
        assertEquals("here", client.position());
      }
      try (TrackingClient client =
          TrackingClient.builder(uri).deadline(Duration.ofSeconds(1)).build()) {
        TrackingException error = assertThrows(TrackingException.class, client::position);
        assertEquals(Status.Code.UNAVAILABLE, error.code());
      }
    }
  }

  @Test
  void aChannelOfTheCallerIsUsedAndStaysOpen() {
    try (Server server = Server.start(folder)) {
      ManagedChannel channel =
          Grpc.newChannelBuilder("127.0.0.1:" + server.port(), InsecureChannelCredentials.create())
              .defaultServiceConfig(TrackingClientBuilder.serviceConfig())
              .build();
      try (TrackingClient client = TrackingClient.over(channel)) {
        String id = client.createRun().getRunId();
        client.logMetric(id, "m", 1, 1);
        assertEquals(1, client.runs().get(id).getData().getMetricsCount());
      }
      assertFalse(channel.isShutdown());
      channel.shutdownNow();
    }
  }

  @Test
  void aUriThatIsNotUnderstoodIsNamed() {
    for (String uri : List.of("", "http://h:1", "grpc://h", "grpc://h:0", "grpc://h:70000")) {
      TrackingException error =
          assertThrows(TrackingException.class, () -> TrackingClient.connect(uri));
      assertEquals("TRACKING_URI_MALFORMED", error.reason());
      assertTrue(error.getMessage().contains("'" + uri + "'"), error.getMessage());
    }
    TrackingException missing = assertThrows(TrackingException.class, TrackingClient::connect);
    assertTrue(missing.getMessage().contains(TrackingClient.TRACKING_URI));
  }
}
