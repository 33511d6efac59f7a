package io.runstream;

import io.runstream.testing.Server;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/** Tests that have a server of their own each. */
abstract class ServerTest {
  @TempDir Path folder;
  Server server;

  @BeforeEach
  void startServer() {
    server = Server.start(folder);
  }

  @AfterEach
  void stopServer() {
    server.close();
  }
}
