package io.runstream.benchmarks;

import io.runstream.RunHandle;
import io.runstream.TrackingClient;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.OptionsBuilder;

/**
 * What a call of {@code logMetric} takes, as a training loop feels it: while points are uploaded,
 * and without waiting for room, which a loop that does nothing but log would have to.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.SingleShotTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class LogMetric {
  /** The server. */
  @Param("")
  public String uri;

  private TrackingClient client;
  private RunHandle run;
  private long step;

  @Setup
  public void start() {
    client = TrackingClient.connect(uri);
    run = client.startRun("calls");
  }

  @TearDown(Level.Iteration)
  public void flush() {
    run.flush(Duration.ofSeconds(60));
  }

  @TearDown
  public void stop() {
    run.close();
    client.close();
  }

  @Benchmark
  public void logMetric() {
    run.logMetric("loss", 1.0 / ++step, step);
  }

  /** Returns the nanoseconds of a call, the mean of several times so many calls. */
  static double measure(String uri, int calls) throws RunnerException {
    OptionsBuilder options = new OptionsBuilder();
    options
        .include(LogMetric.class.getName())
        .param("uri", uri)
        .forks(1)
        .warmupIterations(5)
        .warmupBatchSize(calls)
        .measurementIterations(10)
        .measurementBatchSize(calls);
    return new Runner(options.build()).runSingle().getPrimaryResult().getScore() / calls;
  }
}
