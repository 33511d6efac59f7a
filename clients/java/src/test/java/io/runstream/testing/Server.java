package io.runstream.testing;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** A real Runstream server in a process of its own, on an SQLite file. */
public final class Server implements AutoCloseable {
  private final Path database;
  private final List<String> options;
  private Process process;
  private int port;
  private String http = "";

  private Server(Path database, List<String> options) {
    this.database = database;
    this.options = options;
  }

  /** Starts a server on a file of a folder, with more options, if given. */
  public static Server start(Path folder, String... options) {
    Server server = new Server(folder.resolve("runs.db"), List.of(options));
    server.restart();
    return server;
  }

  /** The tracking URI; the same after a restart. */
  public String uri() {
    return (options.contains("--tls-cert") ? "grpcs" : "grpc") + "://127.0.0.1:" + port;
  }

  public int port() {
    return port;
  }

  /** The URI of its REST API; empty unless an option says that there is one. */
  public String http() {
    return http;
  }

  /** Starts it again on the same port and file. */
  public void restart() {
    List<String> command =
        new ArrayList<>(List.of(Python.EXECUTABLE.toString(), "-m", "runstream"));
    command.addAll(List.of("server", "--host", "127.0.0.1", "--port", String.valueOf(port)));
    command.addAll(List.of("--http-port", "off", "--database", "sqlite:///" + database));
    command.addAll(options);
    try {
      process =
          Python.withoutSettings(new ProcessBuilder(command))
              .redirectError(ProcessBuilder.Redirect.INHERIT)
              .start();
      BufferedReader words =
          new BufferedReader(
              new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
      String greeting = words.readLine();
      if (greeting == null || !greeting.matches(".*listening on grpcs?://.*")) {
        throw new IllegalStateException("the server did not start: " + greeting);
      }
      String address = greeting.split("grpcs?://")[1].split(",")[0];
      port = Integer.parseInt(address.substring(address.lastIndexOf(':') + 1));
      if (greeting.contains("http://")) {
        http = "http://" + greeting.split("http://")[1].split(",")[0];
      }
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
  }

  /** Ends it at once, as a crash does. */
  public void kill() {
    process.destroyForcibly();
    await();
  }

  @Override
  public void close() {
    process.destroy();
    await();
  }

  private void await() {
    try {
      if (!process.waitFor(30, TimeUnit.SECONDS)) {
        throw new IllegalStateException("the server does not end");
      }
    } catch (InterruptedException interrupt) {
      Thread.currentThread().interrupt();
    }
  }
}
