package io.runstream;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.runstream.testing.Programs;
import io.runstream.testing.Server;
import io.runstream.v1.Run;
import io.runstream.v1.RunStatus;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Programs that end without closing what they opened: nothing that they logged is lost. */
class ProgramEndTest {
  /** Logs to a run, and ends or waits for a signal, by its second argument. */
  public static final class Careless {
    public static void main(String[] arguments) throws InterruptedException {
      TrackingClient client = TrackingClient.connect(arguments[0]);
      RunHandle run = client.startRun("careless");
      for (int step = 0; step < 1_000; step++) {
        run.logMetric("loss", 1.0 / (step + 1), step);
      }
      System.out.println(run.runId());
      if (arguments[1].equals("waits")) {
        Thread.sleep(60_000);
      }
      if (arguments[1].equals("throws")) {
        throw new IllegalStateException("an error that nobody catches");
      }
    }
  }

  @TempDir Path folder;

  @Test
  void whatWasLoggedIsSentAndTheRunIsKilled() throws Exception { // R5
    try (Server server = Server.start(folder);
        TrackingClient client = TrackingClient.connect(server.uri())) {
      for (String how : List.of("returns", "waits", "throws")) {
        Process process = Programs.java(Careless.class, List.of(), server.uri(), how).start();
        BufferedReader words =
            new BufferedReader(
                new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
        String id = words.readLine();
        if (how.equals("waits")) {
          process.destroy(); // SIGTERM
        }
        process.waitFor(30, TimeUnit.SECONDS);
        Run run = client.runs().get(id);
        assertEquals(RunStatus.KILLED, run.getInfo().getStatus(), how);
        assertEquals(1_000, client.histories().get(id, "loss").size(), how);
      }
    }
  }
}
