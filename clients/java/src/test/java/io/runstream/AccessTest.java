package io.runstream;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.runstream.testing.Programs;
import io.runstream.testing.Python;
import io.runstream.testing.Server;
import io.runstream.v1.AccessServiceGrpc;
import io.runstream.v1.CreateTokenRequest;
import io.runstream.v1.CreateTokenResponse;
import io.runstream.v1.RevokeTokenRequest;
import io.runstream.v1.ServerRole;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** How a client says who calls, to real servers with tokens and certificates. */
class AccessTest {
  @TempDir Path folder;

  /** Makes a token over a channel, as somebody else or, without a token, as anyone. */
  static CreateTokenResponse createToken(Server server, String by, String name, ServerRole role) {
    ManagedChannel channel =
        Grpc.newChannelBuilder("127.0.0.1:" + server.port(), InsecureChannelCredentials.create())
            .build();
    try {
      AccessServiceGrpc.AccessServiceBlockingStub access =
          AccessServiceGrpc.newBlockingStub(channel);
      if (by != null) {
        access = access.withInterceptors(Token.find(by, Map.of()));
      }
      return access.createToken(
          CreateTokenRequest.newBuilder().setUserName(name).setRole(role).build());
    } finally {
      channel.shutdownNow();
    }
  }

  private static void revoke(Server server, String by, long id) {
    ManagedChannel channel =
        Grpc.newChannelBuilder("127.0.0.1:" + server.port(), InsecureChannelCredentials.create())
            .build();
    AccessServiceGrpc.newBlockingStub(channel)
        .withInterceptors(Token.find(by, Map.of()))
        .revokeToken(RevokeTokenRequest.newBuilder().setTokenId(id).build());
    channel.shutdownNow();
  }

  /** Logs a run to the server of the environment, and says how that went. */
  public static final class Logging {
    public static void main(String[] arguments) {
      try (TrackingClient client = TrackingClient.connect()) {
        String id =
            client.createRun(client.experiments().create("e" + System.nanoTime())).getRunId();
        client.logMetric(id, "loss", 0.5, 1);
        client.setTerminated(id);
        System.out.println(client.histories().get(id, "loss").size());
      } catch (TrackingException error) {
        System.out.println(error.code() + " " + error.reason());
      }
    }
  }

  private static String log(Server server, String... variables) {
    ProcessBuilder program = Programs.java(Logging.class, List.of());
    program.environment().keySet().removeIf(name -> name.startsWith("RUNSTREAM_"));
    program.environment().put("RUNSTREAM_TRACKING_URI", server.uri());
    for (int i = 0; i < variables.length; i += 2) {
      program.environment().put(variables[i], variables[i + 1]);
    }
    return Programs.run(program).trim();
  }

  @Test
  void aTokenIsThatOfTheBuilderOrOfTheEnvironmentOrOfAFile() throws IOException {
    try (Server server = Server.start(folder)) {
      String root = createToken(server, null, "root", ServerRole.SERVER_ROLE_ADMIN).getSecret();
      assertEquals("UNAUTHENTICATED TOKEN_MISSING", log(server));
      assertEquals("1", log(server, "RUNSTREAM_TOKEN", root));
      Path file = Files.writeString(folder.resolve("token"), root + "\n");
      assertEquals("1", log(server, "RUNSTREAM_TOKEN_FILE", file.toString()));
      assertEquals(
          "UNAUTHENTICATED TOKEN_UNKNOWN",
          log(server, "RUNSTREAM_TOKEN", "wrong", "RUNSTREAM_TOKEN_FILE", file.toString()));
      assertEquals("INVALID_ARGUMENT TOKEN_UNREADABLE", log(server, "RUNSTREAM_TOKEN_FILE", "/no"));
      try (TrackingClient client = TrackingClient.builder(server.uri()).token(root).build()) {
        assertFalse(client.createRun().getRunId().isEmpty());
      }
    }
  }

  @Test
  void aTokenThatIsNoneIsNotShownInTheError() {
    String secret = "rst_hush\u00e9";
    TrackingException error =
        assertThrows(
            TrackingException.class,
            () -> TrackingClient.builder("grpc://127.0.0.1:1").token(secret).build());
    assertEquals("TOKEN_MALFORMED", error.reason());
    assertFalse((error.getMessage() + error.metadata()).contains("hush"));
  }

  /** Logs points until a file is there, with the token of another file. */
  public static final class LoggingOn {
    public static void main(String[] arguments) throws Exception {
      try (TrackingClient client = TrackingClient.connect()) {
        String id =
            client.createRun(client.experiments().create("e" + System.nanoTime())).getRunId();
        long step = 0;
        for (; !Files.exists(Path.of(arguments[0])); step++) {
          client.logMetric(id, "loss", 0.5, step, step);
          if (step == 100) {
            System.out.println("logging");
          }
          Thread.sleep(1);
        }
        while (true) {
          try {
            client.flush(Duration.ofSeconds(30));
            break;
          } catch (TrackingException error) {
            if (error.code() != Status.Code.UNAUTHENTICATED) {
              throw error;
            }
            Thread.sleep(100); // the new token may not have been used yet
          }
        }
        System.out.println(step + " " + client.histories().get(id, "loss").size());
      }
    }
  }

  @Test
  void whatWasLoggedWithATokenThatIsRevokedMeanwhileIsSentWithTheNextOne() throws Exception {
    try (Server server = Server.start(folder)) {
      String root = createToken(server, null, "root", ServerRole.SERVER_ROLE_ADMIN).getSecret();
      CreateTokenResponse first = createToken(server, root, "ada", ServerRole.SERVER_ROLE_WRITER);
      Path file = Files.writeString(folder.resolve("token"), first.getSecret());
      Path end = folder.resolve("end");
      ProcessBuilder program = Programs.java(LoggingOn.class, List.of(), end.toString());
      program.environment().put("RUNSTREAM_TRACKING_URI", server.uri());
      program.environment().put("RUNSTREAM_TOKEN_FILE", file.toString());
      Process process = program.redirectErrorStream(true).start();
      BufferedReader lines =
          new BufferedReader(
              new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
      assertEquals("logging", lines.readLine());
      revoke(server, root, first.getToken().getTokenId());
      Thread.sleep(1_000);
      CreateTokenResponse second = createToken(server, root, "ada", ServerRole.SERVER_ROLE_WRITER);
      Files.writeString(file, second.getSecret());
      Files.createFile(end);
      String output = lines.lines().collect(Collectors.joining("\n"));
      String[] counts = output.substring(output.lastIndexOf('\n') + 1).split(" ");
      assertEquals(2, counts.length, output);
      assertEquals(counts[0], counts[1], output);
      assertTrue(Integer.parseInt(counts[0]) > 100, output);
      assertFalse(output.contains("rst_"), output);
    }
  }

  @Test
  void aCertificateSaysWhoCallsAndAnAuthorityOfOnesOwnIsTrusted() throws Exception {
    Python.run("tests/support/certificates.py", folder.toString(), "127.0.0.1", "CN=ada");
    String ca = folder.resolve("client.pem").toString();
    Path chain = folder.resolve("ada.pem");
    Path key = folder.resolve("ada.key");
    try (Server server =
        Server.start(
            folder,
            "--tls-cert",
            folder.resolve("127.0.0.1.pem").toString(),
            "--tls-key",
            folder.resolve("127.0.0.1.key").toString(),
            "--tls-client-ca",
            ca)) {
      assertEquals(
          "1",
          log(
              server,
              "RUNSTREAM_CA",
              ca,
              "RUNSTREAM_CLIENT_CERT",
              chain.toString(),
              "RUNSTREAM_CLIENT_KEY",
              key.toString()));
      try (TrackingClient client =
          TrackingClient.builder(server.uri())
              .trusting(Path.of(ca))
              .clientCertificate(chain, key)
              .build()) {
        String id = client.createRun(client.experiments().create("of Ada")).getRunId();
        assertEquals(id, client.runs().get(id).getInfo().getRunId());
      }
      try (TrackingClient client =
          TrackingClient.builder(server.uri())
              .trusting(Path.of(ca))
              .deadline(Duration.ofSeconds(1))
              .build()) {
        TrackingException error = assertThrows(TrackingException.class, client::position);
        assertEquals(Status.Code.UNAVAILABLE, error.code());
      }
      assertEquals("UNAVAILABLE", log(server, "RUNSTREAM_CA", "/nowhere"));
    }
  }
}
