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
import io.runstream.testing.Programs;
import io.runstream.testing.Python;
import io.runstream.testing.Server;
import io.runstream.v1.Experiment;
import io.runstream.v1.GetPositionRequest;
import io.runstream.v1.GetPositionResponse;
import io.runstream.v1.SearchExperimentsRequest;
import io.runstream.v1.WatchServiceGrpc;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
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
    Python.run("tests/support/certificates.py", folder.toString(), "localhost");
    try (Gate gate = new Gate(certificate("localhost"))) {
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
  void eachOfSeveralServersProvesItsOwnName() throws Exception {
    String[] names = {"localhost", "127.0.0.1"};
    Python.run("tests/support/certificates.py", folder.toString(), names[0], names[1]);
    try (Gate one = new Gate(certificate(names[0]));
        Gate other = new Gate(certificate(names[1]))) {
      int port = one.server.getPort();
      int otherPort = other.server.getPort();
      try (TrackingClient client = connect("grpcs://localhost:%d,127.0.0.1:%d", port, otherPort)) {
        while (one.tokens.isEmpty() || other.tokens.isEmpty()) {
          client.position();
        }
      }
      one.tokens.clear();
      try (TrackingClient client = connect("grpcs://127.0.0.1:%d,127.0.0.1:%d", port, otherPort)) {
        for (int i = 0; i < 10; i++) {
          client.position();
        }
      }
      assertTrue(one.tokens.isEmpty(), "a server with the certificate of another is not asked");
    }
  }

  private TrackingClient connect(String uri, Object... ports) throws IOException {
    return TrackingClient.builder(String.format(uri, ports))
        .trusting(folder.resolve("client.pem"))
        .build();
  }

  private ServerCredentials certificate(String name) throws IOException {
    return TlsServerCredentials.create(
        folder.resolve(name + ".pem").toFile(), folder.resolve(name + ".key").toFile());
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
    String shape =
        "after the slashes there must be a host and a port, or several with commas between, and"
            + " nothing else";
    Map<String, String> reasons = new HashMap<>();
    for (String file : List.of("", "runs.db", "sqlite:///runs.db")) {
      reasons.put(file, "the clients for the JVM start no server for a file");
    }
    for (String list :
        List.of(
            "h", "h:0", "h:70000", "h:1,", ",h:1", "h:1,h", "h:1,,i:1", "h:1, i:1", "h:1,i:0")) {
      reasons.put("grpc://" + list, shape);
    }
    reasons.put("http://h:1", "Runstream's clients speak gRPC, not HTTP");
    reasons.put("127.0.0.1:50051", "a server is named grpc://127.0.0.1:50051");
    reasons.put("[::1]:50051", "a server is named grpc://[::1]:50051");
    reasons.put("tracking.example:443/", "a server is named grpc://tracking.example:443");
    reasons.put("a:1,b:1", "a server is named grpc://a:1,b:1");
    reasons.put("grpc://a:1,b:1,A:01", "it names a:1 twice");
    String servers =
        IntStream.rangeClosed(1, 17).mapToObj(port -> "h:" + port).collect(Collectors.joining(","));
    reasons.put("grpc://" + servers, "it names 17 servers, and 16 are the most");
    reasons.forEach(
        (uri, reason) -> {
          TrackingException error =
              assertThrows(TrackingException.class, () -> TrackingClient.connect(uri));
          assertEquals("TRACKING_URI_MALFORMED", error.reason());
          assertEquals(
              "Tracking URI '"
                  + uri
                  + "' is not understood: "
                  + reason
                  + ". Use grpc://host:port, grpc://host:port,host:port, grpcs://host:port"
                  + " or offline:folder",
              error.getMessage());
        });
  }

  /** Asks until both servers of a name have answered, of which one has two experiments. */
  public static final class TakingTurns {
    public static void main(String[] arguments) {
      Set<Integer> counts = new HashSet<>();
      try (TrackingClient client = TrackingClient.connect(arguments[0])) {
        SearchExperimentsRequest all =
            SearchExperimentsRequest.newBuilder().setMaxResults(9).build();
        for (int i = 0; counts.size() < 2 && i < 10_000; i++) {
          List<Experiment> found = new ArrayList<>();
          client.experiments().search(all).forEachRemaining(found::add);
          counts.add(found.size());
        }
      }
      System.out.println(counts);
    }
  }

  @Test
  @EnabledOnOs(OS.LINUX) // where 127.0.0.2 is this machine
  void callsTakeTurnsAmongAllServersOfAName() throws IOException {
    Path one = Files.createDirectory(folder.resolve("one"));
    Path other = Files.createDirectory(folder.resolve("other"));
    try (Server first = Server.start(one, "--host", "127.0.0.2");
        Server second =
            Server.start(other, "--host", "127.0.0.3", "--port", String.valueOf(first.port()))) {
      try (TrackingClient client = TrackingClient.connect("grpc://127.0.0.3:" + second.port())) {
        client.experiments().create("of one of them");
      }
      Path hosts = folder.resolve("hosts");
      Files.writeString(hosts, "127.0.0.2 runs.example\n127.0.0.3 runs.example\n");
      String option = "-Djdk.net.hosts.file=" + hosts;
      String uri = "grpc://runs.example:" + first.port();
      ProcessBuilder program = Programs.java(TakingTurns.class, List.of(option), uri);
      program.environment().put("no_proxy", "*");
      assertEquals("[1, 2]", Programs.run(program).trim());
    }
  }

  /** Says which server it asked, and what that answered. */
  public static final class Asking {
    public static void main(String[] arguments) throws IOException {
      try (TrackingClient client =
          TrackingClient.builder(arguments[0]).deadline(Duration.parse(arguments[1])).build()) {
        System.out.println(client.calls().server() + " " + client.position().isEmpty());
      } catch (TrackingException error) {
        System.out.println(error.code() + " " + error.getMessage());
      }
    }
  }

  /** Says which server a client has for which nobody named one. */
  public static final class Naming {
    public static void main(String[] arguments) {
      try (TrackingClient client = TrackingClient.connect()) {
        System.out.println(client.calls().server());
      }
    }
  }

  @Test
  void withoutAUriTheServerIsThatOfThisMachine() {
    for (String uri : Arrays.asList(null, "")) {
      ProcessBuilder program = Programs.java(Naming.class, List.of());
      program.environment().remove(TrackingClient.TRACKING_URI);
      if (uri != null) {
        program.environment().put(TrackingClient.TRACKING_URI, uri);
      }
      assertEquals("localhost:50051", Programs.run(program).trim());
    }
  }

  @Test
  void aServerIsReachedByItsAddressOfIpv6() {
    try (Server server = Server.start(folder, "--host", "::1");
        TrackingClient client = TrackingClient.connect("grpc://[::1]:" + server.port())) {
      assertFalse(client.position().isEmpty());
    }
  }

  @Test
  void aServerOfThisMachineIsReachedDirectlyWhateverProxyIsSet() {
    try (Server server = Server.start(folder)) {
      for (String host : List.of("127.0.0.1", "localhost")) {
        ProcessBuilder program =
            Programs.java(
                Asking.class,
                List.of("-Dhttps.proxyHost=127.0.0.1", "-Dhttps.proxyPort=1"),
                "grpc://" + host + ":" + server.port(),
                "PT60S");
        for (String variable : List.of("https_proxy", "HTTPS_PROXY", "grpc_proxy", "http_proxy")) {
          program.environment().put(variable, "http://127.0.0.1:1");
        }
        assertEquals(host + ":" + server.port() + " false", Programs.run(program).trim());
      }
    }
  }

  @Test
  void theErrorNamesTheProxyThatWasTried() {
    ProcessBuilder program =
        Programs.java(Asking.class, List.of(), "grpc://tracking.example:50051,127.0.0.1:1", "PT5S");
    program.environment().put("HTTPS_PROXY", "http://127.0.0.1:1");
    String words = Programs.run(program);
    assertTrue(
        words.startsWith(
            "UNAVAILABLE tracking.example:50051,127.0.0.1:1 could not be reached through the proxy"
                + " 127.0.0.1:1 of HTTPS_PROXY or directly for 5"),
        words);
    assertTrue(words.contains("Connection refused"), words);
  }

  @Test
  void aProxyIsThatOfTheJvmOrOfTheEnvironmentUnlessAServerIsExcepted() {
    Map<String, String> proxy = Map.of("https_proxy", "http://ann:pw@proxy:3128");
    String through = "through the proxy proxy:3128 of https_proxy";
    assertEquals(through, route("grpc://far.example:1", proxy));
    assertEquals(
        "through the proxy proxy:80 of GRPC_PROXY",
        route("grpcs://far.example:1", Map.of("GRPC_PROXY", "proxy", "https_proxy", "other:1")));
    assertEquals("directly", route("grpc://far.example:1", Map.of()));
    for (String host : List.of("127.0.0.1", "127.8.9.1", "localhost", "a.localhost", "[::1]")) {
      assertEquals("directly", route("grpc://" + host + ":1", proxy), host);
    }
    for (String name : List.of("no_proxy", "NO_PROXY", "no_grpc_proxy", "NO_GRPC_PROXY")) {
      for (String excepted :
          List.of("*", "far.example", ".example", "*.example", "x, EXAMPLE", "far.example:1")) {
        assertEquals(
            "directly",
            route("grpc://far.example:1", Map.of("https_proxy", "proxy:3128", name, excepted)),
            name + "=" + excepted);
      }
    }
    for (String other : List.of("ar.example", "far.example:2", "10.0.0.0/8", "", ",")) {
      Map<String, String> environment = new HashMap<>(proxy);
      environment.put("NO_PROXY", other);
      assertEquals(through, route("grpc://far.example:1", environment), other);
      environment.put("NO_PROXY", "10.0.0.0/8,fd00::/8");
      assertEquals("directly", route("grpc://10.2.3.4:1", environment));
      assertEquals("directly", route("grpc://[fd12::1]:1", environment));
      assertEquals(through, route("grpc://11.2.3.4:1", environment));
    }
    System.setProperty("https.proxyHost", "jvm");
    System.setProperty("https.proxyPort", "8080");
    try {
      assertEquals("through the proxy jvm:8080 of the JVM", route("grpc://far.example:1", proxy));
      assertEquals("directly", route("grpc://127.0.0.1:1", proxy));
    } finally {
      System.clearProperty("https.proxyHost");
      System.clearProperty("https.proxyPort");
    }
  }

  private static String route(String uri, Map<String, String> environment) {
    return Route.find(new TrackingUri(uri).servers.get(0), environment).toString();
  }
}
