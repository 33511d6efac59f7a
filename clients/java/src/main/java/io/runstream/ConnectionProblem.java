package io.runstream;

import io.grpc.Status;
import java.security.cert.CertPathBuilderException;
import java.security.cert.CertPathValidatorException;
import java.security.cert.CertificateException;
import java.security.cert.CertificateExpiredException;
import java.security.cert.CertificateNotYetValidException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Predicate;
import java.util.stream.Collectors;

/** Why no connection to a server comes about, where waiting does not help: TLS and certificates. */
final class ConnectionProblem {
  private static final String OWN_CERTIFICATE =
      "RUNSTREAM_CLIENT_CERT and RUNSTREAM_CLIENT_KEY, or clientCertificate, name the files of"
          + " yours";

  // How gRPC shows the first bytes of a server that answers by an alert of TLS.
  private static final String ALERT_BYTES = "first 5 bytes: 1503";

  // How gRPC says that a server closed the connection before it answered.
  private static final String CLOSED = "Network closed for unknown reason";

  // After which a server that was stopping does not accept connections any more.
  private static final long STOPPING_MILLIS = 200;

  private final List<ServerAddress> servers;
  private final boolean secure;

  /**
   * Prepares for a connection.
   *
   * @param servers those that are reached directly, whose ports can be looked at
   * @param secure whether it uses TLS
   */
  ConnectionProblem(List<ServerAddress> servers, boolean secure) {
    this.servers = servers;
    this.secure = secure;
  }

  /**
   * Returns the error that says what somebody has to change; null if that is not known.
   *
   * @param failure why the last attempt to connect failed
   * @param server the name of the servers, for people
   */
  TrackingException find(Throwable failure, String server) {
    List<Throwable> causes = new ArrayList<>();
    for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
      causes.add(cause);
    }
    if (causes.isEmpty()) { // nobody has said why the state of the channel is a failure
      return null;
    }
    String words = causes.stream().map(String::valueOf).collect(Collectors.joining(" "));
    if (any(causes, CertificateExpiredException.class::isInstance)
        || any(causes, CertificateNotYetValidException.class::isInstance)) {
      return error(
          "SERVER_CERTIFICATE_EXPIRED",
          server
              + " shows a certificate that has expired or is not valid yet: its server needs"
              + " another one, if the clock of this machine is right",
          failure);
    }
    if (any(causes, ConnectionProblem::isOtherName)) {
      return error(
          "SERVER_HAS_ANOTHER_NAME",
          server
              + " shows a certificate that is for others ("
              + last(causes)
              + "): call the"
              + " server by a name of its certificate",
          failure);
    }
    if (any(causes, CertPathBuilderException.class::isInstance)
        || any(causes, CertPathValidatorException.class::isInstance)) {
      return error(
          "SERVER_NOT_TRUSTED",
          server
              + " shows a certificate that is not trusted ("
              + last(causes)
              + "): RUNSTREAM_CA,"
              + " or trusting, names the file of its authority",
          failure);
    }
    if (words.contains("NotSslRecordException")) {
      return error(
          "TLS_NOT_SPOKEN",
          server + " speaks no TLS: the tracking URI has to begin with grpc://",
          failure);
    }
    if (words.contains(ALERT_BYTES)) {
      return tlsNeeded(server, failure);
    }
    if (words.contains(CLOSED)) {
      return closedError(server, failure);
    }
    return alertError(words.toLowerCase(Locale.ROOT), last(causes), server, failure);
  }

  private static TrackingException tlsNeeded(String server, Throwable failure) {
    return error(
        "TLS_NEEDED", server + " speaks TLS: the tracking URI has to begin with grpcs://", failure);
  }

  /** Returns the error for servers that are there and closed the connection without a word. */
  private TrackingException closedError(String server, Throwable failure) {
    if (servers.isEmpty()) {
      return null;
    }
    if (!secure) {
      return servers.stream().allMatch(PortProbe::speaksTls) ? tlsNeeded(server, failure) : null;
    }
    Interrupts.pause(STOPPING_MILLIS);
    return servers.stream().allMatch(PortProbe::accepts)
        ? alertError("alert: certificate required", "it ends the connection", server, failure)
        : null;
  }

  /** Returns the error for an alert by which a server refuses the certificate of a client. */
  private static TrackingException alertError(
      String words, String alert, String server, Throwable failure) {
    if (!words.contains("alert")) {
      return null;
    }
    if (words.contains("required") || words.contains("handshake")) {
      return error(
          "CLIENT_CERTIFICATE_NEEDED",
          server + " takes no client without a certificate (" + alert + "): " + OWN_CERTIFICATE,
          failure);
    }
    return error(
        "CLIENT_CERTIFICATE_REFUSED",
        server + " refuses the certificate of this client (" + alert + "): " + OWN_CERTIFICATE,
        failure);
  }

  private static boolean isOtherName(Throwable cause) {
    String message = String.valueOf(cause.getMessage());
    return cause instanceof CertificateException
        && (message.startsWith("No subject alternative") || message.startsWith("No name matching"));
  }

  private static boolean any(List<Throwable> causes, Predicate<Throwable> test) {
    return causes.stream().anyMatch(test);
  }

  private static String last(List<Throwable> causes) {
    return String.valueOf(causes.get(causes.size() - 1).getMessage());
  }

  private static TrackingException error(String reason, String message, Throwable cause) {
    TrackingException error =
        new TrackingException(Status.Code.UNAVAILABLE, message, reason, Map.of());
    error.initCause(cause);
    return error;
  }
}
