package io.runstream.testing;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.TimeUnit;

/** A real PostgreSQL with an empty database. */
public final class Postgres implements AutoCloseable {
  private final Process process;
  private final String url;

  /** Starts it, and waits until it accepts connections. */
  public Postgres() {
    ProcessBuilder program =
        Python.withoutSettings(
                new ProcessBuilder(Python.EXECUTABLE.toString(), "-m", "support.postgres_program"))
            .directory(Python.ROOT.resolve("tests").toFile())
            .redirectError(ProcessBuilder.Redirect.INHERIT);
    try {
      process = program.start();
      url =
          new BufferedReader(
                  new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))
              .readLine();
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
  }

  /** The URL of the database. */
  public String url() {
    return url;
  }

  @Override
  public void close() {
    try {
      process.getOutputStream().close(); // its stdin, whose end is its own
      if (!process.waitFor(60, TimeUnit.SECONDS)) {
        throw new IllegalStateException("PostgreSQL does not end");
      }
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    } catch (InterruptedException interrupt) {
      Thread.currentThread().interrupt();
    }
  }
}
