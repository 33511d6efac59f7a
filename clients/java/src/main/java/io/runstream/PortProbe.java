package io.runstream;

import java.io.EOFException;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import javax.net.ssl.SSLHandshakeException;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.SSLSocketFactory;

/** Looks at the port of a server that closed a connection without a word. */
final class PortProbe {
  private static final int MILLIS = 1_000;

  private PortProbe() {}

  /** Returns whether something accepts connections there. */
  static boolean accepts(ServerAddress server) {
    try (Socket socket = new Socket()) {
      connect(socket, server);
      return true;
    } catch (IOException error) {
      return false;
    }
  }

  /** Returns whether it speaks TLS, which it does also if its certificate is not trusted. */
  static boolean speaksTls(ServerAddress server) {
    try (SSLSocket socket = (SSLSocket) SSLSocketFactory.getDefault().createSocket()) {
      connect(socket, server);
      socket.startHandshake();
      return true;
    } catch (SSLHandshakeException error) {
      return !(error.getCause() instanceof EOFException); // it has ended it, or closed it
    } catch (IOException error) { // an SSLException among them: what it says is no TLS
      return false;
    }
  }

  private static void connect(Socket socket, ServerAddress server) throws IOException {
    socket.setSoTimeout(MILLIS);
    String host = server.host.replaceAll("[\\[\\]]", ""); // of an address of IPv6
    socket.connect(new InetSocketAddress(host, server.port), MILLIS);
  }
}
