package io.runstream;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.runstream.testing.Server;
import io.runstream.v1.Metric;
import io.runstream.v1.RunStatus;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Interrupts at random moments: nothing is lost, nobody waits for ever, the flag is honoured. */
@Timeout(120)
class InterruptTest {
  private static final Duration MINUTE = Duration.ofSeconds(60);
  private static final int INTERRUPTS = 400;

  @TempDir Path folder;

  /** Logs, flushes and reads until it was interrupted often enough. */
  private static final class Trainer implements Runnable {
    final TrackingClient client;
    final RunHandle run;
    final List<Long> logged = new ArrayList<>();
    final List<Throwable> wrong = new ArrayList<>();
    volatile boolean stopping;
    volatile int interrupts;

    Trainer(TrackingClient client) {
      this.client = client;
      this.run = client.startRun("interrupted");
    }

    @Override
    public void run() {
      for (long step = 0; !stopping; step++) {
        run.logMetric("loss", 1.0 / (step + 1), step); // never waits, so it is never interrupted
        logged.add(step);
        try {
          if (step % 3 == 0) {
            run.setTag("step", String.valueOf(step));
          }
          if (step % 7 == 0) {
            client.flush(MINUTE);
          }
          if (step % 11 == 0) {
            client.runs().get(run.runId());
          }
          if (step % 101 == 0) {
            client.artifacts().upload(run.runId(), new byte[100], "file");
          }
        } catch (TrackingException error) {
          interrupts++;
          if (!error.reason().equals(TrackingException.INTERRUPTED) || !Thread.interrupted()) {
            wrong.add(error);
          }
        }
      }
    }
  }

  @Test
  void anInterruptLosesNothingAndIsNotForgotten() throws InterruptedException {
    try (Server server = Server.start(folder);
        TrackingClient client = TrackingClient.connect(server.uri())) {
      Trainer trainer = new Trainer(client);
      Thread thread = new Thread(trainer);
      thread.start();
      SplittableRandom random = new SplittableRandom(7);
      while (trainer.interrupts < INTERRUPTS && thread.isAlive()) {
        LockSupport.parkNanos(random.nextLong(2_000_000));
        thread.interrupt();
      }
      trainer.stopping = true;
      thread.join();
      assertEquals(List.of(), trainer.wrong);
      assertTrue(trainer.interrupts >= INTERRUPTS);
      client.flush(MINUTE);
      List<Metric> stored = client.histories().get(trainer.run.runId(), "loss");
      assertEquals(
          trainer.logged, stored.stream().map(Metric::getStep).collect(Collectors.toList()));
      trainer.run.close();
    }
  }

  @Test
  void anEndThatIsInterruptedIsOnDiskAndTheFlagStays() throws InterruptedException { // R5
    try (Server server = Server.start(folder);
        TrackingClient client = TrackingClient.connect(server.uri())) {
      SplittableRandom random = new SplittableRandom(7);
      for (int i = 0; i < 40; i++) {
        RunHandle run = client.startRun("ends");
        boolean[] interrupted = new boolean[1];
        Thread thread =
            new Thread(
                () -> {
                  for (int step = 0; step < 100; step++) {
                    run.logMetric("loss", 1, step);
                  }
                  Thread.currentThread().interrupt();
                  run.close();
                  interrupted[0] = Thread.currentThread().isInterrupted();
                });
        thread.start();
        while (thread.isAlive()) {
          LockSupport.parkNanos(random.nextLong(3_000_000));
          thread.interrupt();
        }
        assertTrue(interrupted[0]);
        assertEquals(RunStatus.FINISHED, client.runs().get(run.runId()).getInfo().getStatus());
        assertEquals(100, client.histories().get(run.runId(), "loss").size());
      }
      Thread.currentThread().interrupt(); // the client is closed all the same
    }
    assertTrue(Thread.interrupted());
  }
}
