package io.runstream.testing;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** The Python of the project, which the build of this module installs. */
public final class Python {
  /** The project. */
  public static final Path ROOT = Path.of(System.getProperty("runstream.root")).normalize();

  static final Path EXECUTABLE = ROOT.resolve(".venv/bin/python");

  private Python() {}

  /** Runs a program of the project, which has to succeed; returns what it printed. */
  public static String run(String program, String... arguments) {
    List<String> command = new ArrayList<>(List.of(ROOT + "/" + program));
    command.addAll(List.of(arguments));
    return run(command);
  }

  /** Runs Python with some arguments, which has to succeed; returns what it printed. */
  public static String run(List<String> arguments) {
    List<String> command = new ArrayList<>(List.of(EXECUTABLE.toString()));
    command.addAll(arguments);
    return Programs.run(withoutSettings(new ProcessBuilder(command)));
  }

  static ProcessBuilder withoutSettings(ProcessBuilder builder) {
    builder
        .environment()
        .keySet()
        .removeIf(
            name ->
                (name.startsWith("RUNSTREAM_") && !name.equals("RUNSTREAM_SPOOL"))
                    || name.startsWith("MLFLOW_"));
    return builder;
  }
}
