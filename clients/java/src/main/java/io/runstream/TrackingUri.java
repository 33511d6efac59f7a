package io.runstream;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A tracking URI, which names a server and says whether to use TLS. */
final class TrackingUri {
  /** The address of a server that was started without options. */
  static final String DEFAULT = "grpc://localhost:50051";

  private static final String FORMS = "grpc://host:port or grpcs://host:port";
  private static final Pattern SERVER =
      Pattern.compile("(?:(grpcs?)://)?([\\w.-]+|\\[[0-9A-Fa-f:.]+\\]):(\\d{1,5})/?");
  private static final Pattern SCHEME = Pattern.compile("([A-Za-z][A-Za-z0-9+.-]*):.*");

  final String host;
  final int port;
  final boolean secure;

  TrackingUri(String uri) {
    Matcher parts = SERVER.matcher(uri);
    if (!parts.matches() || parts.group(1) == null || !isPort(parts.group(3))) {
      throw malformedError(uri, hint(uri));
    }
    secure = parts.group(1).equals("grpcs");
    host = parts.group(2);
    port = Integer.parseInt(parts.group(3));
  }

  /** Returns what gRPC dials. */
  String target() {
    return host + ":" + port;
  }

  private static String hint(String uri) {
    Matcher parts = SERVER.matcher(uri);
    if (parts.matches() && parts.group(1) == null) {
      return "a server is named grpc://" + parts.group(2) + ":" + parts.group(3);
    }
    Matcher scheme = SCHEME.matcher(uri);
    switch (scheme.matches() ? scheme.group(1) : "") {
      case "grpc":
      case "grpcs":
        return "after the slashes there must be a host and a port, and nothing else";
      case "http":
      case "https":
        return "Runstream's clients speak gRPC, not HTTP";
      case "":
      case "sqlite":
        return "the clients for the JVM start no server for a file";
      default:
        return "";
    }
  }

  private static TrackingException malformedError(String uri, String hint) {
    return TrackingException.invalid(
        "TRACKING_URI_MALFORMED",
        "tracking_uri",
        uri,
        FORMS,
        "Tracking URI '"
            + uri
            + "' is not understood"
            + (hint.isEmpty() ? "" : ": " + hint)
            + ". Use "
            + FORMS);
  }

  private static boolean isPort(String digits) {
    int number = Integer.parseInt(digits);
    return 0 < number && number < 65_536;
  }
}
