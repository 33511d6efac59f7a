package io.runstream;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.runstream.testing.Programs;
import io.runstream.v1.RunStatus;
import io.runstream.v1.SearchRunsRequest;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The programs under examples/java, each run as a user runs it. */
class ExamplesTest extends ServerTest {
  @Test
  void quickstart() throws ClassNotFoundException {
    assertEquals("epoch 0: 0.0\nepoch 1: 2.0\nepoch 2: 4.0\n", run("Quickstart"));
    assertEquals(1, finishedRuns());
  }

  @Test
  void trainingLoop() throws ClassNotFoundException {
    assertEquals("best: rate 0.5\ny = 3.00 x + 2.00\n", run("TrainingLoop"));
    assertEquals(3, finishedRuns());
  }

  private String run(String name) throws ClassNotFoundException {
    ProcessBuilder program = Programs.java(Class.forName(name), List.of());
    program.environment().put(TrackingClient.TRACKING_URI, server.uri());
    return Programs.run(program).replace(System.lineSeparator(), "\n");
  }

  private int finishedRuns() {
    try (TrackingClient client = TrackingClient.connect(server.uri())) {
      int[] count = new int[1];
      client
          .runs()
          .search(SearchRunsRequest.getDefaultInstance())
          .forEachRemaining(
              run -> {
                assertEquals(RunStatus.FINISHED, run.getInfo().getStatus());
                count[0]++;
              });
      return count[0];
    }
  }
}
