package io.runstream;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.runstream.testing.Programs;
import io.runstream.testing.Server;
import io.runstream.v1.Run;
import io.runstream.v1.RunStatus;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Programs that end without closing what they opened: nothing that they logged is lost. */
class ProgramEndTest {
  /** Logs to a run, and ends or waits for a signal, by its second argument. */
  public static final class Careless {
    public static void main(String[] arguments) throws Exception {
      TrackingClient client = TrackingClient.connect(arguments[0]);
      RunHandle run = client.startRun("careless");
      for (int step = 0; step < 1_000; step++) {
        run.logMetric("loss", 1.0 / (step + 1), step);
      }
      System.out.println(run.runId());
      switch (arguments[1]) {
        case "waits":
          Thread.sleep(60_000);
          break;
        case "throws":
          throw new IllegalStateException("an error that nobody catches");
        case "fails":
          run.fail(new IllegalStateException("an error that the program noted"));
          System.exit(3);
          break;
        case "exits":
          System.exit(0);
          break;
        default: // returns
      }
    }
  }

  @TempDir Path folder;

  @Test
  void aRunThatIsLeftOpenEndsAsTheProgramDoes() throws Exception { // R5
    Map<String, RunStatus> ends = new LinkedHashMap<>();
    ends.put("returns", RunStatus.FINISHED);
    ends.put("throws", RunStatus.FAILED);
    ends.put("fails", RunStatus.FAILED);
    ends.put("waits", RunStatus.KILLED); // for a signal
    ends.put("exits", RunStatus.KILLED); // because a JVM does not tell the status of an exit
    try (Server server = Server.start(folder);
        TrackingClient client = TrackingClient.connect(server.uri())) {
      for (String how : ends.keySet()) {
        Path errors = folder.resolve(how);
        ProcessBuilder program = Programs.java(Careless.class, List.of(), server.uri(), how);
        program.environment().put("RUNSTREAM_EXIT_SECONDS", "60"); // for a slow machine
        Process process = program.redirectError(errors.toFile()).start();
        String id = firstLine(process);
        if (how.equals("waits")) {
          process.destroy(); // SIGTERM
        }
        assertTrue(process.waitFor(60, TimeUnit.SECONDS));
        String words = Files.readString(errors);
        Run run = client.runs().get(id);
        assertEquals(ends.get(how), run.getInfo().getStatus(), how);
        assertEquals(1_000, client.histories().get(id, "loss").size(), how);
        if (how.equals("throws")) {
          assertEquals(1, process.exitValue());
          String first =
              "Exception in thread \"main\" java.lang.IllegalStateException:"
                  + " an error that nobody catches";
          assertTrue(words.lines().anyMatch(first::equals), words);
        }
        assertFalse(words.contains("runstream: "), words); // which tells what is not delivered
      }
    }
  }

  /** Logs when a line comes, and waits. */
  public static final class Late {
    public static void main(String[] arguments) throws Exception {
      TrackingClient client =
          TrackingClient.builder(arguments[0]).deadline(Duration.ofSeconds(6)).build();
      List<RunHandle> runs = List.of(client.startRun("one"), client.startRun("two"));
      for (RunHandle run : runs) {
        run.flush(Duration.ofSeconds(30));
      }
      System.out.println(runs.get(0).runId() + " " + runs.get(1).runId());
      System.in.read();
      runs.get(0).logMetrics(Map.of("loss", 1, "accuracy", 0), 1);
      runs.get(0).logParam("rate", "0.1");
      runs.get(1).setTag("stage", "trial");
    }
  }

  @Test
  void whatIsNotDeliveredInTimeIsCountedRunByRunAndTheProgramEnds() throws Exception { // X5
    try (Server server = Server.start(folder)) {
      ProcessBuilder program = Programs.java(Late.class, List.of(), server.uri());
      program.environment().put("RUNSTREAM_EXIT_SECONDS", "2");
      Process process = program.start();
      List<String> ids = List.of(firstLine(process).split(" "));
      server.kill();
      long started = System.nanoTime();
      process.getOutputStream().write('\n');
      process.getOutputStream().close();
      String words = new String(process.getErrorStream().readAllBytes(), StandardCharsets.UTF_8);
      assertTrue(process.waitFor(60, TimeUnit.SECONDS));
      double seconds = (System.nanoTime() - started) / 1e9;
      for (String line :
          List.of(
              "runstream: not delivered to 127.0.0.1:" + server.port() + ": ",
              "; it is kept in ",
              "\n  2 points, 1 param or tag and 1 change of run " + ids.get(0) + "\n",
              "\n  1 param or tag and 1 change of run " + ids.get(1) + "\n",
              "\n`runstream sync")) {
        assertTrue(words.contains(line), words);
      }
      assertTrue(seconds < 24, seconds + " s"); // 2, both runs together, and what the JVM takes
    }
  }

  private static String firstLine(Process process) throws IOException {
    return new BufferedReader(
            new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))
        .readLine();
  }
}
