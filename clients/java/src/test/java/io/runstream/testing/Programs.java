package io.runstream.testing;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Programs that tests run in processes of their own. */
public final class Programs {
  private Programs() {}

  /**
   * Prepares a JVM that runs a class of the tests, and that SIGINT ends: in the background of a
   * shell the tests ignore it, and what they start inherits that.
   */
  public static ProcessBuilder java(Class<?> main, List<String> options, String... arguments) {
    List<String> command = new ArrayList<>(List.of("env", "--default-signal=INT"));
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(options);
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), main.getName()));
    command.addAll(List.of(arguments));
    return new ProcessBuilder(command);
  }

  /** Runs a program, which has to succeed; returns what it printed. */
  public static String run(ProcessBuilder program) {
    try {
      Process process = program.redirectError(ProcessBuilder.Redirect.INHERIT).start();
      String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      int status = process.waitFor();
      if (status != 0) {
        throw new AssertionError(program.command() + " ended with " + status + ": " + output);
      }
      return output;
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    } catch (InterruptedException interrupt) {
      Thread.currentThread().interrupt();
      throw new AssertionError(interrupt);
    }
  }
}
