package io.runstream;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.grpc.InsecureServerCredentials;
import io.grpc.ServerCredentials;
import io.grpc.Status;
import io.grpc.TlsServerCredentials;
import io.runstream.testing.Python;
import io.runstream.testing.Server;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What a client says when TLS is wrong: soon, and what somebody has to change. */
@Timeout(45) // of a deadline of 60 seconds
class ConnectionProblemTest {
  @TempDir Path folder;

  @BeforeEach
  void issueCertificates() {
    Python.run(
        "tests/support/certificates.py",
        folder.toString(),
        "localhost",
        "127.0.0.1",
        "ml.example.org",
        "EXPIRED=localhost",
        "CN=ada");
  }

  @Test
  void aCertificateThatIsNotTrustedNamesTheVariableForItsAuthority() throws IOException {
    try (ConnectionTest.Gate gate = gate("localhost")) {
      assertProblem(
          TrackingClient.builder("grpcs://localhost:" + gate.server.getPort()),
          "SERVER_NOT_TRUSTED",
          "RUNSTREAM_CA");
    }
  }

  @Test
  void aCertificateForAnotherNameIsCalledThat() throws IOException {
    try (ConnectionTest.Gate gate = gate("ml.example.org")) {
      assertProblem(trusting(gate), "SERVER_HAS_ANOTHER_NAME", "localhost");
    }
  }

  @Test
  void aCertificateThatHasExpiredIsCalledThat() throws IOException {
    try (ConnectionTest.Gate gate = gate("expired")) {
      assertProblem(trusting(gate), "SERVER_CERTIFICATE_EXPIRED", "has expired");
    }
  }

  @Test
  void ofAnAttemptThatFailedWithoutACauseNothingIsKnown() {
    assertNull(new ConnectionProblem(List.of(), false).find(null, "localhost"));
  }

  @Test
  void theSchemeThatDoesNotFitThePortIsNamed() throws IOException {
    try (ConnectionTest.Gate tls = gate("localhost");
        ConnectionTest.Gate plain = new ConnectionTest.Gate(InsecureServerCredentials.create())) {
      assertProblem(
          TrackingClient.builder("grpc://localhost:" + tls.server.getPort()),
          "TLS_NEEDED",
          "grpcs://");
      assertProblem(trusting(plain), "TLS_NOT_SPOKEN", "grpc://");
    }
    try (Server server = Server.start(folder)) {
      assertProblem(
          TrackingClient.builder(server.uri().replace("grpc://", "grpcs://")),
          "TLS_NOT_SPOKEN",
          "grpc://");
    }
  }

  @Test
  void aMissingCertificateOfTheClientIsCalledThat() throws IOException {
    Path ca = folder.resolve("client.pem");
    try (Server server =
        Server.start(
            folder,
            "--tls-cert",
            folder.resolve("127.0.0.1.pem").toString(),
            "--tls-key",
            folder.resolve("127.0.0.1.key").toString(),
            "--tls-client-ca",
            ca.toString())) {
      assertProblem(
          TrackingClient.builder(server.uri()).trusting(ca),
          "CLIENT_CERTIFICATE_NEEDED",
          "RUNSTREAM_CLIENT_CERT");
      assertProblem(
          TrackingClient.builder(server.uri().replace("grpcs://", "grpc://")),
          "TLS_NEEDED",
          "grpcs://");
    }
  }

  private static void assertProblem(TrackingClientBuilder builder, String reason, String words)
      throws IOException {
    try (TrackingClient client = builder.build()) {
      TrackingException error = assertThrows(TrackingException.class, client::position);
      assertEquals(Status.Code.UNAVAILABLE, error.code());
      assertEquals(reason, error.reason(), error.getMessage());
      assertTrue(error.getMessage().contains(words), error.getMessage());
    }
  }

  private TrackingClientBuilder trusting(ConnectionTest.Gate gate) {
    return TrackingClient.builder("grpcs://localhost:" + gate.server.getPort())
        .trusting(folder.resolve("client.pem"));
  }

  private ConnectionTest.Gate gate(String name) throws IOException {
    ServerCredentials credentials =
        TlsServerCredentials.create(
            folder.resolve(name + ".pem").toFile(), folder.resolve(name + ".key").toFile());
    return new ConnectionTest.Gate(credentials);
  }
}
