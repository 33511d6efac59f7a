package io.runstream;

import io.grpc.ChannelCredentials;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannelBuilder;
import io.grpc.Metadata;
import io.grpc.TlsChannelCredentials;
import io.grpc.stub.MetadataUtils;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Makes a {@link TrackingClient} over a channel of its own. */
public final class TrackingClientBuilder {
  static final String FORMS = "grpc://host:port or grpcs://host:port";
  private static final int MESSAGE_BYTES = 4 * 1024 * 1024;
  private static final Pattern URI =
      Pattern.compile("(grpcs?)://([\\w.-]+|\\[[0-9A-Fa-f:.]+\\]):(\\d{1,5})/?");

  private final String target;
  private final boolean secure;
  private Path trusted;
  private String token;
  private Duration deadline = TrackingClient.DEADLINE;

  TrackingClientBuilder(String uri) {
    Matcher parts = URI.matcher(uri);
    if (!parts.matches() || !isPort(Integer.parseInt(parts.group(3)))) {
      throw TrackingException.invalid(
          "TRACKING_URI_MALFORMED",
          "uri",
          uri,
          FORMS,
          "Tracking URI '" + uri + "' is not understood. Use " + FORMS);
    }
    secure = parts.group(1).equals("grpcs");
    target = parts.group(2) + ":" + parts.group(3);
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
   * Trusts the certificates of a file in place of those that the JVM trusts.
   *
   * @param pem file of X.509 certificates in PEM
   * @return this
   */
  public TrackingClientBuilder trusting(Path pem) {
    trusted = Objects.requireNonNull(pem);
    return this;
  }

  /**
   * Sends a token with every call, as {@code authorization: Bearer TOKEN}.
   *
   * @param bearer the token
   * @return this
   */
  public TrackingClientBuilder token(String bearer) {
    token = Objects.requireNonNull(bearer);
    return this;
  }

  /**
   * Sets how long a call waits for the server and its answer: 60 seconds, if not set.
   *
   * @param limit the time
   * @return this
   */
  public TrackingClientBuilder deadline(Duration limit) {
    deadline = Objects.requireNonNull(limit);
    return this;
  }

  /**
   * Makes the client, which connects when it is first used.
   *
   * @return the client; closing it closes its channel
   * @throws IOException if the file of certificates cannot be read
   */
  public TrackingClient build() throws IOException {
    ManagedChannelBuilder<?> channel =
        Grpc.newChannelBuilder(target, credentials())
            .defaultServiceConfig(Calls.serviceConfig())
            .perRpcBufferLimit(MESSAGE_BYTES) // so that a large call can be repeated, too
            .maxInboundMessageSize(16 * MESSAGE_BYTES) // a run may be larger than a request
            .keepAliveTime(10, TimeUnit.SECONDS) // a peer that vanished is noticed
            .keepAliveTimeout(8, TimeUnit.SECONDS);
    if (token != null) {
      Metadata headers = new Metadata();
      headers.put(
          Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER), "Bearer " + token);
      channel.intercept(MetadataUtils.newAttachHeadersInterceptor(headers));
    }
    return new TrackingClient(channel.build(), deadline, true);
  }

  private ChannelCredentials credentials() throws IOException {
    if (!secure) {
      return InsecureChannelCredentials.create();
    }
    TlsChannelCredentials.Builder tls = TlsChannelCredentials.newBuilder();
    return trusted == null ? tls.build() : tls.trustManager(trusted.toFile()).build();
  }

  private static boolean isPort(int number) {
    return 0 < number && number < 65_536;
  }
}
