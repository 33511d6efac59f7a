package io.runstream;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A tracking URI, which names one or several servers and says whether to use TLS. */
final class TrackingUri {
  /** The address of a server that was started without options. */
  static final String DEFAULT = "grpc://localhost:50051";

  /** Servers that a tracking URI may name. */
  static final int MAX_SERVERS = 16;

  private static final String FORMS =
      "grpc://host:port, grpc://host:port,host:port, grpcs://host:port or offline:folder";
  private static final String SERVER = "(?:[\\w.-]+|\\[[0-9A-Fa-f:.]+\\]):\\d{1,5}";
  private static final Pattern SERVERS =
      Pattern.compile("(?:(grpcs?)://)?(" + SERVER + "(?:," + SERVER + ")*)/?");
  private static final Pattern SCHEME = Pattern.compile("([A-Za-z][A-Za-z0-9+.-]*):.*");

  /** The servers, which all have the same runs. */
  final List<ServerAddress> servers;

  final boolean secure;
  final String text;

  TrackingUri(String uri) {
    text = uri;
    Matcher parts = SERVERS.matcher(uri);
    if (!parts.matches() || parts.group(1) == null) {
      throw malformedError(uri, hint(uri));
    }
    secure = parts.group(1).equals("grpcs");
    servers = parseServers(uri, parts.group(2));
  }

  private static List<ServerAddress> parseServers(String uri, String list) {
    List<ServerAddress> servers = new ArrayList<>();
    List<String> names = new ArrayList<>();
    for (String server : list.split(",")) {
      int colon = server.lastIndexOf(':');
      int port = Integer.parseInt(server.substring(colon + 1));
      if (port == 0 || port > 65_535) {
        throw malformedError(uri, hint(uri));
      }
      ServerAddress address =
          new ServerAddress(server.substring(0, colon).toLowerCase(Locale.ROOT), port);
      if (names.contains(address.toString())) {
        throw malformedError(uri, "it names " + address + " twice");
      }
      servers.add(address);
      names.add(address.toString());
    }
    if (servers.size() > MAX_SERVERS) {
      throw malformedError(
          uri, "it names " + servers.size() + " servers, and " + MAX_SERVERS + " are the most");
    }
    return List.copyOf(servers);
  }

  private static String hint(String uri) {
    Matcher parts = SERVERS.matcher(uri);
    if (parts.matches() && parts.group(1) == null) {
      return "a server is named grpc://" + parts.group(2);
    }
    Matcher scheme = SCHEME.matcher(uri);
    switch (scheme.matches() ? scheme.group(1) : "") {
      case "grpc":
      case "grpcs":
        return "after the slashes there must be a host and a port, or several with commas between,"
            + " and nothing else";
      case "http":
      case "https":
        return "Runstream's clients speak gRPC, not HTTP";
      case "offline":
        return "offline: is followed by a folder";
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
}
