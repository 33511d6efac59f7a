package io.runstream;

import io.grpc.ChannelCredentials;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannelBuilder;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;

/** Makes a {@link TrackingClient} over a channel of its own. */
public final class TrackingClientBuilder {
  private static final int MESSAGE_BYTES = 4 * 1024 * 1024;

  private static final String OFFLINE = "offline:";

  private final TrackingUri uri; // null, if the client only writes to a folder
  private final Path offlineFolder; // null, if it does not
  private final Certificates certificates = new Certificates(System.getenv());
  private Map<String, String> environment = System.getenv();
  private String token;
  private Duration deadline = TrackingClient.DEADLINE;

  TrackingClientBuilder(String uri) {
    boolean isOffline = uri.startsWith(OFFLINE) && uri.length() > OFFLINE.length();
    this.offlineFolder = isOffline ? Path.of(uri.substring(OFFLINE.length())) : null;
    this.uri = isOffline ? null : new TrackingUri(uri);
  }

  /**
   * Returns the service config by which calls that can be repeated are, for {@link
   * ManagedChannelBuilder#defaultServiceConfig}.
   *
   * @return the service config
   */
  public static Map<String, ?> serviceConfig() {
    return Calls.serviceConfig();
  }

  /**
   * Trusts the certificates of a file in place of those that the JVM trusts, or those of the file
   * that the environment variable {@code RUNSTREAM_CA} names.
   *
   * @param pem file of X.509 certificates in PEM
   * @return this
   */
  public TrackingClientBuilder trusting(Path pem) {
    certificates.trust(pem);
    return this;
  }

  /**
   * Shows a certificate to the server, in place of that of the environment variables {@code
   * RUNSTREAM_CLIENT_CERT} and {@code RUNSTREAM_CLIENT_KEY}.
   *
   * @param chainPem file of the certificate in PEM, and of those between it and its authority
   * @param keyPem file of its key in PEM, as PKCS #8
   * @return this
   */
  public TrackingClientBuilder clientCertificate(Path chainPem, Path keyPem) {
    certificates.show(chainPem, keyPem);
    return this;
  }

  /**
   * Sends a token with every call, as {@code authorization: Bearer TOKEN}, in place of that of the
   * environment: {@code RUNSTREAM_TOKEN}, or the file that {@code RUNSTREAM_TOKEN_FILE} names,
   * which is read anew for each call.
   *
   * @param bearer the token
   * @return this
   */
  public TrackingClientBuilder token(String bearer) {
    token = Objects.requireNonNull(bearer);
    return this;
  }

  /**
   * Sets how long a call waits for the server and its answer: 60 seconds, if not set. No longer
   * wait the end of the client and of the program, either.
   *
   * @param limit the time
   * @return this
   */
  public TrackingClientBuilder deadline(Duration limit) {
    deadline = Objects.requireNonNull(limit);
    return this;
  }

  /** Takes the settings of the spool from other variables than those of the process. */
  TrackingClientBuilder spool(Map<String, String> variables) {
    environment = variables;
    return this;
  }

  /**
   * Makes the client, which connects when it is first used.
   *
   * @return the client; closing it closes its channel
   * @throws IOException if a file of certificates cannot be read
   * @throws TrackingException if the token has characters that no token has
   */
  public TrackingClient build() throws IOException {
    SpoolSettings spool = new SpoolSettings(environment);
    if (offlineFolder != null) {
      return buildOffline(spool.offline(offlineFolder), "");
    }
    if (spool.isOffline) {
      return buildOffline(spool, uri.text);
    }
    ManagedChannelBuilder<?> channel =
        Grpc.newChannelBuilder(ServersResolver.target(uri.servers), credentials())
            .defaultLoadBalancingPolicy("round_robin")
            .defaultServiceConfig(Calls.serviceConfig())
            .maxRetryAttempts(Calls.MAX_ATTEMPTS) // which a service config alone cannot raise
            .perRpcBufferLimit(MESSAGE_BYTES) // so that a large call can be repeated, too
            .maxInboundMessageSize(16 * MESSAGE_BYTES) // a run may be larger than a request
            .keepAliveTime(10, TimeUnit.SECONDS) // a peer that vanished is noticed
            .keepAliveTimeout(8, TimeUnit.SECONDS);
    Token said = Token.find(token, System.getenv());
    if (said != null) {
      channel.intercept(said);
    }
    return new TrackingClient(
        new Calls(channel.build(), deadline, routes(), uri.servers.size(), problems()),
        true,
        spool,
        uri.text);
  }

  private TrackingClient buildOffline(SpoolSettings spool, String trackingUri) {
    Calls calls =
        new Calls(
            new OfflineChannel(spool.folder),
            deadline,
            "offline",
            1,
            new ConnectionProblem(List.of(), false));
    return new TrackingClient(calls, true, spool, trackingUri);
  }

  /** Returns what knows why the servers cannot be reached; behind a proxy it cannot look. */
  private ConnectionProblem problems() {
    boolean isDirect =
        uri.servers.stream().allMatch(server -> Route.find(server, System.getenv()).isDirect());
    return new ConnectionProblem(isDirect ? uri.servers : List.of(), uri.secure);
  }

  /** Returns how the servers are reached, for people. */
  private String routes() {
    return uri.servers.stream()
        .map(server -> Route.find(server, System.getenv()).toString())
        .distinct()
        .collect(Collectors.joining(" or "));
  }

  private ChannelCredentials credentials() throws IOException {
    return uri.secure ? certificates.credentials() : InsecureChannelCredentials.create();
  }
}
