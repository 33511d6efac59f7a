package io.runstream;

import io.grpc.HttpConnectProxiedSocketAddress;
import io.grpc.ProxiedSocketAddress;
import io.grpc.ProxyDetector;
import java.io.IOException;
import java.net.Authenticator;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.PasswordAuthentication;
import java.net.Proxy;
import java.net.ProxySelector;
import java.net.SocketAddress;
import java.net.URI;
import java.net.UnknownHostException;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The way to a server: directly, or through an HTTP proxy that can CONNECT.
 *
 * <p>A server of this machine is reached directly. Otherwise the proxy is that of the JVM ({@code
 * https.proxyHost}, {@code http.nonProxyHosts}), or else that of the environment: {@code
 * grpc_proxy}, {@code https_proxy} or {@code http_proxy}, unless {@code no_proxy} has the host, all
 * of them in small letters or in capitals.
 */
final class Route implements ProxyDetector {
  private static final List<String> PROXY_VARIABLES =
      List.of("grpc_proxy", "https_proxy", "http_proxy");
  private static final List<String> NO_PROXY_VARIABLES = List.of("no_grpc_proxy", "no_proxy");
  private static final Pattern PROXY =
      Pattern.compile(
          "(?:https?://)?(?:([^:@/]*)(?::([^@/]*))?@)?([\\w.-]+|\\[[0-9A-Fa-f:.]+\\])(?::(\\d+))?/?");
  private static final Pattern ADDRESS =
      Pattern.compile("[0-9.]+|\\[?[0-9A-Fa-f]*:[0-9A-Fa-f:.]+\\]?");

  private final InetSocketAddress proxy; // null, if the server is reached directly
  private final String source; // of the proxy: the JVM or an environment variable
  private final String user;
  private final String password;

  private Route(InetSocketAddress proxy, String source, String user, String password) {
    this.proxy = proxy;
    this.source = source;
    this.user = user;
    this.password = password;
  }

  /** Returns the route to a server, from the settings of the JVM and the environment. */
  static Route find(ServerAddress server, Map<String, String> environment) {
    if (!isLoopback(server.host)) {
      Route fromJvm = fromJvm(server);
      if (fromJvm != null) {
        return fromJvm;
      }
      if (System.getProperty("https.proxyHost") == null && !isWithoutProxy(server, environment)) {
        return fromEnvironment(environment);
      }
    }
    return direct();
  }

  @Override
  public ProxiedSocketAddress proxyFor(SocketAddress target) throws IOException {
    if (proxy == null) {
      return null;
    }
    InetSocketAddress address = new InetSocketAddress(proxy.getHostString(), proxy.getPort());
    if (address.isUnresolved()) {
      throw new UnknownHostException("the proxy " + this + " is unknown");
    }
    return HttpConnectProxiedSocketAddress.newBuilder()
        .setTargetAddress((InetSocketAddress) target)
        .setProxyAddress(address)
        .setUsername(user)
        .setPassword(password)
        .build();
  }

  /** Returns how the server is reached, as the end of a sentence. */
  @Override
  public String toString() {
    return proxy == null
        ? "directly"
        : "through the proxy " + proxy.getHostString() + ":" + proxy.getPort() + " of " + source;
  }

  boolean isDirect() {
    return proxy == null;
  }

  private static Route direct() {
    return new Route(null, "", null, null);
  }

  private static Route fromJvm(ServerAddress server) {
    ProxySelector selector = ProxySelector.getDefault();
    if (selector == null) {
      return null;
    }
    for (Proxy proxy : selector.select(URI.create("https://" + server))) {
      if (proxy.type() == Proxy.Type.HTTP) {
        InetSocketAddress address = (InetSocketAddress) proxy.address();
        PasswordAuthentication known =
            Authenticator.requestPasswordAuthentication(
                address.getHostString(), null, address.getPort(), "https", "", null);
        return known == null
            ? new Route(address, "the JVM", null, null)
            : new Route(
                address, "the JVM", known.getUserName(), String.valueOf(known.getPassword()));
      }
    }
    return null;
  }

  private static Route fromEnvironment(Map<String, String> environment) {
    for (String name : PROXY_VARIABLES) {
      for (String spelling : List.of(name, name.toUpperCase(Locale.ROOT))) {
        Matcher parts = PROXY.matcher(environment.getOrDefault(spelling, ""));
        if (parts.matches()) {
          int port = parts.group(4) == null ? 80 : Integer.parseInt(parts.group(4));
          InetSocketAddress address = InetSocketAddress.createUnresolved(parts.group(3), port);
          return new Route(address, spelling, parts.group(1), parts.group(2));
        }
      }
    }
    return direct();
  }

  private static boolean isWithoutProxy(ServerAddress server, Map<String, String> environment) {
    for (String name : NO_PROXY_VARIABLES) {
      for (String spelling : List.of(name, name.toUpperCase(Locale.ROOT))) {
        for (String entry : environment.getOrDefault(spelling, "").split("[,\\s]+")) {
          if (!entry.isEmpty() && matches(entry.toLowerCase(Locale.ROOT), server)) {
            return true;
          }
        }
      }
    }
    return false;
  }

  private static boolean matches(String entry, ServerAddress server) {
    int slash = entry.indexOf('/');
    if (slash > 0) {
      return isInRange(server.host, entry.substring(0, slash), entry.substring(slash + 1));
    }
    String name = entry.replaceFirst("^\\*?\\.", "");
    return entry.equals("*")
        || server.host.equals(name)
        || server.host.equals("[" + name + "]")
        || server.host.endsWith("." + name)
        || server.toString().equals(name);
  }

  /** Returns whether a host is an address whose first bits are those of a network. */
  private static boolean isInRange(String host, String network, String digits) {
    if (!isAddress(host) || !isAddress(network) || !digits.matches("\\d{1,3}")) {
      return false;
    }
    byte[] one = address(host).getAddress();
    byte[] other = address(network).getAddress();
    int bits = Integer.parseInt(digits);
    if (one.length != other.length || bits > 8 * one.length) {
      return false;
    }
    for (int bit = 0; bit < bits; bit++) {
      int mask = 0x80 >> bit % 8;
      if ((one[bit / 8] & mask) != (other[bit / 8] & mask)) {
        return false;
      }
    }
    return true;
  }

  /** Returns whether a host is this machine. */
  static boolean isLoopback(String host) {
    String name = host.toLowerCase(Locale.ROOT);
    return name.equals("localhost")
        || name.endsWith(".localhost")
        || isAddress(name) && address(name).isLoopbackAddress();
  }

  private static boolean isAddress(String host) {
    return ADDRESS.matcher(host).matches();
  }

  private static InetAddress address(String literal) {
    try {
      return InetAddress.getByName(literal); // a literal needs no lookup
    } catch (UnknownHostException malformed) {
      return InetAddress.getLoopbackAddress();
    }
  }
}
