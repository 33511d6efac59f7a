package io.runstream;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;

/** Tests that have a server of their own each, and a client of it. */
abstract class ClientTest extends ServerTest {
  TrackingClient client;

  @BeforeEach
  void connect() {
    client = TrackingClient.connect(server.uri());
  }

  @AfterEach
  void closeClient() {
    client.close();
  }
}
