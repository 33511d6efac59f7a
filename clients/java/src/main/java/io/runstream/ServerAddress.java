package io.runstream;

/** The host and port of a server; the host is a name or an address, in small letters. */
final class ServerAddress {
  final String host;
  final int port;

  ServerAddress(String host, int port) {
    this.host = host;
    this.port = port;
  }

  /** Returns what gRPC dials, and what TLS checks. */
  @Override
  public String toString() {
    return host + ":" + port;
  }
}
