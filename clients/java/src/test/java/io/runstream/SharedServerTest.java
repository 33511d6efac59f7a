package io.runstream;

import io.runstream.testing.Server;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;

/** Tests of one class that share a server, and a client of it. */
abstract class SharedServerTest {
  @TempDir static Path folder;
  static Server server;
  static TrackingClient client;

  @BeforeAll
  static void startServer() {
    server = Server.start(folder);
    client = TrackingClient.connect(server.uri());
  }

  @AfterAll
  static void stopServer() {
    client.close();
    server.close();
  }
}
