package io.runstream;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.runstream.testing.Programs;
import io.runstream.testing.Proxy;
import io.runstream.v1.Run;
import io.runstream.v1.RunStatus;
import io.runstream.v1.SearchRunsRequest;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A start of a run that is interrupted leaves no run RUNNING (R9). */
@Timeout(120)
class InterruptedStartTest extends ClientTest {
  /** What the request of each start and its answer have, and no frame that belongs to no call. */
  private static final Pattern RUN_ID = Pattern.compile("[0-9a-f]{32}");

  /**
   * Connects, waits for a line, and starts a run in the way of its second argument. Says when it
   * ends the start because it ends itself.
   */
  public static final class Starter {
    public static void main(String[] arguments) throws Exception {
      TrackingClient client =
          TrackingClient.builder(arguments[0]).deadline(Duration.ofSeconds(60)).build();
      client.experiments().get("0");
      Runtime.getRuntime().addShutdownHook(new Thread(() -> printWhenEnding(client)));
      System.out.println("connected");
      System.in.read();
      switch (arguments[1]) {
        case "createRun":
          client.createRun();
          break;
        case "resumeRun":
          client.resumeRun(arguments[2]);
          break;
        case "startRun on another thread":
          new Thread(() -> client.startRun("on another thread")).start();
          Thread.sleep(60_000);
          break;
        default:
          client.startRun("starting");
      }
      Thread.sleep(60_000);
    }

    private static void printWhenEnding(TrackingClient client) {
      for (int i = 0; i < 6_000 && !client.runs().starts().isProgramEnding(); i++) {
        LockSupport.parkNanos(5_000_000);
      }
      System.out.println("ending");
    }
  }

  /** A program that starts a run through a proxy of its own. */
  private static final class Program implements AutoCloseable {
    final Proxy proxy;
    final Process process;
    final BufferedReader output;

    Program(int port, String how, String runId, long exitSeconds) throws Exception {
      proxy = new Proxy(port);
      ProcessBuilder program =
          Programs.java(
              Starter.class,
              List.of("-XX:TieredStopAtLevel=1"), // quicker for programs this short
              proxy.uri(),
              how,
              runId);
      program.environment().put("RUNSTREAM_EXIT_SECONDS", String.valueOf(exitSeconds));
      process = program.start();
      output =
          new BufferedReader(
              new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
      assertEquals("connected", output.readLine());
    }

    void proceed() throws Exception {
      process.getOutputStream().write('\n');
      process.getOutputStream().flush();
    }

    /**
     * Sends a signal, and releases what the proxy keeps once the program ends.
     *
     * @return what the program writes to stderr until its end
     */
    String signal(String name) throws Exception {
      Programs.run(new ProcessBuilder("kill", "-" + name, String.valueOf(process.pid())));
      assertEquals("ending", output.readLine());
      proxy.release();
      byte[] errors = process.getErrorStream().readAllBytes();
      assertTrue(process.waitFor(60, TimeUnit.SECONDS));
      return new String(errors, StandardCharsets.UTF_8);
    }

    @Override
    public void close() {
      process.destroyForcibly();
      proxy.close();
    }
  }

  @Test
  void programsThatASignalEndsWhileTheyStartARunLeaveItKilled() throws Exception { // R9
    List<Callable<String>> programs =
        List.of(
            () -> endWhileStarting("startRun", "INT", false),
            () -> endWhileStarting("startRun", "TERM", true),
            () -> endWhileStarting("createRun", "INT", true),
            () -> endWhileStarting("resumeRun", "TERM", false),
            () -> endWhileStarting("resumeRun", "INT", true),
            () -> endWhileStarting("startRun on another thread", "TERM", true));
    ExecutorService threads = Executors.newFixedThreadPool(2); // as many as cores: a JVM is slow
    for (Future<String> end : threads.invokeAll(programs)) {
      assertFalse(end.get().contains("runstream: ")); // which tells what is not delivered
    }
    threads.shutdown();
    List<Run> runs = runs();
    assertEquals(programs.size(), runs.size());
    for (Run run : runs) {
      assertEquals(RunStatus.KILLED, run.getInfo().getStatus());
      assertTrue(run.getInfo().hasEndTime());
    }
  }

  /**
   * Ends a program by a signal before it has the answer to its start.
   *
   * @param isAnswered whether the answer is on its way then, or else the request
   * @return what the program writes to stderr
   */
  private String endWhileStarting(String how, String signal, boolean isAnswered) throws Exception {
    String finished = "";
    if (how.equals("resumeRun")) {
      finished = client.createRun().getRunId();
      client.setTerminated(finished);
    }
    try (Program program = new Program(server.port(), how, finished, 60)) {
      hold(program.proxy, isAnswered, program::proceed);
      return program.signal(signal);
    }
  }

  @Test
  void aProgramThatCannotEndItsRunSaysWhichOneItIs() throws Exception { // R9, X5
    try (Program program = new Program(server.port(), "startRun", "", 3)) {
      program.proxy.swallowAnswers();
      program.proceed();
      waitUntil(() -> runs().size() == 1);
      String errors = program.signal("TERM");
      String id = runs().get(0).getInfo().getRunId();
      assertTrue(errors.contains("not delivered to "), errors);
      assertTrue(errors.contains(" of run " + id), errors);
    }
  }

  @Test
  void anInterruptOfTheThreadLeavesNoRunRunning() throws Exception { // R9
    try (Proxy proxy = new Proxy(server.port());
        TrackingClient slow = TrackingClient.connect(proxy.uri())) {
      slow.experiments().get("0");
      for (boolean isAnswered : List.of(false, true)) {
        FutureTask<Boolean> starting = new FutureTask<>(() -> isInterrupted(slow));
        Thread thread = new Thread(starting);
        hold(proxy, isAnswered, thread::start);
        thread.interrupt();
        proxy.release();
        assertTrue(starting.get(60, TimeUnit.SECONDS), "the flag of the thread stays");
      }
    }
    assertEquals(2, runs().size());
    for (Run run : runs()) {
      RunStatus status = run.getInfo().getStatus();
      assertTrue(status == RunStatus.KILLED || status == RunStatus.FINISHED, status.name());
    }
  }

  /** Starts a run and closes it, if it was started; returns whether the thread was interrupted. */
  private static boolean isInterrupted(TrackingClient client) {
    try {
      client.startRun("interrupted").close();
    } catch (TrackingException error) {
      assertEquals(TrackingException.INTERRUPTED, error.reason());
    }
    return Thread.currentThread().isInterrupted();
  }

  @Test
  void aThreadThatWasInterruptedBeforeStartsNoRun() { // R9
    Thread.currentThread().interrupt();
    TrackingException error = assertThrows(TrackingException.class, () -> client.startRun("never"));
    assertEquals(TrackingException.INTERRUPTED, error.reason());
    assertTrue(Thread.interrupted());
    assertEquals(List.of(), runs());
  }

  @Test
  void aRunThatIsNotEndedAtOnceIsEndedWhenTheClientCloses() throws Exception { // R9, X5
    try (Proxy proxy = new Proxy(server.port())) {
      TrackingClient slow = TrackingClient.connect(proxy.uri());
      slow.experiments().get("0");
      proxy.swallowAnswers();
      FutureTask<TrackingException> starting =
          new FutureTask<>(() -> assertThrows(TrackingException.class, slow::createRun));
      Thread thread = new Thread(starting);
      thread.start();
      waitUntil(() -> runs().size() == 1);
      thread.interrupt();
      TrackingException error = starting.get(60, TimeUnit.SECONDS);
      assertEquals(TrackingException.INTERRUPTED, error.reason());
      Run run = runs().get(0);
      assertEquals(RunStatus.RUNNING, run.getInfo().getStatus());
      String notEndedError = "run " + run.getInfo().getRunId() + " was not ended: ";
      assertTrue(error.getSuppressed()[0].getMessage().startsWith(notEndedError));
      proxy.heal();
      proxy.cut();
      slow.close();
      assertEquals(RunStatus.KILLED, runs().get(0).getInfo().getStatus());
    }
  }

  /** Does something that starts a run, and lets the proxy hold the request, or its answer. */
  private static void hold(Proxy proxy, boolean isAnswered, Starting starting) throws Exception {
    if (isAnswered) {
      proxy.holdAnswers();
    } else {
      proxy.holdRequests();
    }
    starting.begin();
    waitUntil(() -> proxy.holds(RUN_ID));
  }

  /** Starts a run, or lets a program do so. */
  private interface Starting {
    void begin() throws Exception;
  }

  private List<Run> runs() {
    List<Run> runs = new ArrayList<>();
    client.runs().search(SearchRunsRequest.getDefaultInstance()).forEachRemaining(runs::add);
    return runs;
  }

  private static void waitUntil(BooleanSupplier condition) throws InterruptedException {
    while (!condition.getAsBoolean()) {
      Thread.sleep(10);
    }
  }
}
