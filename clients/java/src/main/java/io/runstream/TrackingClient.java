package io.runstream;

import io.grpc.ManagedChannel;
import io.runstream.v1.CreateRunRequest;
import io.runstream.v1.GetPositionRequest;
import io.runstream.v1.LogRequest;
import io.runstream.v1.LoggingServiceGrpc;
import io.runstream.v1.LoggingServiceGrpc.LoggingServiceBlockingStub;
import io.runstream.v1.RunInfo;
import io.runstream.v1.RunStatus;
import io.runstream.v1.UpdateRunRequest;
import io.runstream.v1.WatchRequest;
import io.runstream.v1.WatchServiceGrpc;
import io.runstream.v1.WatchServiceGrpc.WatchServiceBlockingStub;
import java.io.IOException;
import java.time.Duration;
import java.util.Map;
import java.util.function.Predicate;

/**
 * A client of one Runstream server. Any thread may use it.
 *
 * <p>What is logged is queued, and sent by one thread over one stream; a server that is away for a
 * while costs nothing but memory, of which it takes 64 MiB before calls that log begin to wait.
 * What was logged is on disk when {@link #flush} or {@link #close} has returned. Other calls wait
 * for the server and its answer, for a minute if not told otherwise.
 *
 * <pre>{@code
 * try (TrackingClient client = TrackingClient.connect("grpc://127.0.0.1:50051")) {
 *   RunInfo run = client.createRun();
 *   for (int epoch = 0; epoch < 3; epoch++) {
 *     client.logMetric(run.getRunId(), "quality", 2 * epoch, System.currentTimeMillis(), epoch);
 *   }
 *   client.setTerminated(run.getRunId());
 * }
 * }</pre>
 *
 * <p>Every error is a {@link TrackingException}. Letters and numbers in parentheses are rows of the
 * project's table of rules and limits.
 */
public final class TrackingClient implements AutoCloseable {
  /** The environment variable of which {@link #connect()} takes the URI of the server. */
  public static final String TRACKING_URI = "RUNSTREAM_TRACKING_URI";

  static final Duration DEADLINE = Duration.ofSeconds(60);
  static final Duration PATIENCE = Duration.ofSeconds(60);

  private final boolean ownsChannel;
  private final Calls calls;
  private final Uploader uploader;
  private final Experiments experiments;
  private final Runs runs;
  private final Histories histories;
  private final Artifacts artifacts;
  private final LoggingServiceBlockingStub logs;
  private final WatchServiceBlockingStub watches;
  private final OpenRuns openRuns;

  TrackingClient(ManagedChannel channel, Duration deadline, boolean ownsChannel) {
    this.ownsChannel = ownsChannel;
    calls = new Calls(channel, deadline);
    uploader = new Uploader(channel);
    experiments = new Experiments(calls);
    runs = new Runs(calls, uploader.outbox);
    histories = new Histories(calls, uploader.outbox);
    artifacts = new Artifacts(calls);
    logs = LoggingServiceGrpc.newBlockingStub(channel).withWaitForReady();
    watches = WatchServiceGrpc.newBlockingStub(channel).withWaitForReady();
    openRuns = new OpenRuns(uploader.outbox);
  }

  /**
   * Connects to the server that the environment variable {@link #TRACKING_URI} names.
   *
   * @return a client
   * @throws TrackingException if the variable names none
   */
  public static TrackingClient connect() {
    String uri = System.getenv(TRACKING_URI);
    if (uri == null || uri.isEmpty()) {
      throw TrackingException.invalid(
          "TRACKING_URI_MISSING",
          "uri",
          "",
          TrackingClientBuilder.FORMS,
          "the environment variable " + TRACKING_URI + " does not name a server");
    }
    return connect(uri);
  }

  /**
   * Connects to a server.
   *
   * @param uri {@code grpc://host:port}, or {@code grpcs://host:port} for TLS
   * @return a client
   * @throws TrackingException if the URI is malformed
   */
  public static TrackingClient connect(String uri) {
    try {
      return builder(uri).build();
    } catch (IOException impossible) { // there is no file to be read
      throw new IllegalStateException(impossible);
    }
  }

  /**
   * Begins to make a client with other settings.
   *
   * @param uri {@code grpc://host:port}, or {@code grpcs://host:port} for TLS
   * @return a builder
   * @throws TrackingException if the URI is malformed
   */
  public static TrackingClientBuilder builder(String uri) {
    return new TrackingClientBuilder(uri);
  }

  /**
   * Makes a client over a channel of the caller, who closes it after the client.
   *
   * @param channel a channel; for calls to be repeated it has {@link
   *     TrackingClientBuilder#serviceConfig}
   * @return a client
   */
  public static TrackingClient over(ManagedChannel channel) {
    return new TrackingClient(channel, DEADLINE, false);
  }

  /**
   * Returns the calls about experiments.
   *
   * @return them
   */
  public Experiments experiments() {
    return experiments;
  }

  /**
   * Returns the calls about runs.
   *
   * @return them
   */
  public Runs runs() {
    return runs;
  }

  /**
   * Returns the calls about histories of metrics.
   *
   * @return them
   */
  public Histories histories() {
    return histories;
  }

  /**
   * Returns the calls about artifacts.
   *
   * @return them
   */
  public Artifacts artifacts() {
    return artifacts;
  }

  /**
   * Creates a run in the experiment Default.
   *
   * @return what it is; its status is RUNNING
   */
  public RunInfo createRun() {
    return createRun("0");
  }

  /**
   * Creates a run.
   *
   * @param experimentId the experiment it belongs to
   * @return what it is; its status is RUNNING
   * @throws TrackingException {@code NOT_FOUND}, or {@code FAILED_PRECONDITION} if the experiment
   *     is deleted
   */
  public RunInfo createRun(String experimentId) {
    return runs.create(CreateRunRequest.newBuilder().setExperimentId(experimentId).build())
        .getInfo();
  }

  /**
   * Creates a run in the experiment Default, and opens it for logging.
   *
   * @param name name for people
   * @return a handle, whose close ends the run
   */
  public RunHandle startRun(String name) {
    return startRun(CreateRunRequest.newBuilder().setRunName(name).build());
  }

  /**
   * Creates a run and opens it for logging. It gets the tags {@code mlflow.user}, {@code
   * mlflow.source.type} and {@code mlflow.source.name}, unless the request has them (R4).
   *
   * @param request what to create, as {@link Runs#create}
   * @return a handle, whose close ends the run
   * @throws TrackingException as {@link Runs#create}
   */
  public RunHandle startRun(CreateRunRequest request) {
    return open(runs.create(Origin.describe(request)).getInfo());
  }

  /**
   * Opens a run that is there already, so that it is RUNNING again.
   *
   * @param runId its id
   * @return a handle, whose close ends the run
   * @throws TrackingException {@code NOT_FOUND}, or {@code FAILED_PRECONDITION} if it is deleted
   */
  public RunHandle resumeRun(String runId) {
    return open(setStatus(runId, RunStatus.RUNNING, null));
  }

  /**
   * Logs a point of now to a run; see {@link RunHandle#logMetric(String, double, long)}.
   *
   * @param runId the run
   * @param key name of the metric
   * @param value any double
   * @param step training step
   */
  public void logMetric(String runId, String key, double value, long step) {
    log(runId, buffer -> buffer.logMetric(key, value, step));
  }

  /**
   * Logs a point to a run; see {@link RunHandle#logMetric(String, double, long, long)}.
   *
   * @param runId the run
   * @param key name of the metric
   * @param value any double
   * @param timestamp milliseconds since the epoch, not negative
   * @param step training step
   */
  public void logMetric(String runId, String key, double value, long timestamp, long step) {
    log(runId, buffer -> buffer.logMetric(key, value, timestamp, step));
  }

  /**
   * Sets a param of a run; see {@link RunHandle#logParam}.
   *
   * @param runId the run
   * @param key name of the param
   * @param value its value
   */
  public void logParam(String runId, String key, String value) {
    log(runId, buffer -> buffer.logParams(Map.of(key, value)));
  }

  /**
   * Sets a tag of a run; see {@link RunHandle#setTag}.
   *
   * @param runId the run
   * @param key name of the tag
   * @param value its value
   */
  public void setTag(String runId, String key, String value) {
    log(runId, buffer -> buffer.setTags(Map.of(key, value)));
  }

  /**
   * Logs a batch in one call: points, params and tags of a run, all of them or none (P5). They are
   * on disk when it returns.
   *
   * @param request the batch, up to 4 MiB
   * @throws TrackingException as the server answers
   */
  public void log(LogRequest request) {
    calls.call(logs, to -> to.log(request));
  }

  /**
   * Waits until all that was logged to a run is on disk, and ends it as FINISHED.
   *
   * @param runId the run
   * @throws TrackingException as {@link #flush} and {@link Runs#update}
   */
  public void setTerminated(String runId) {
    setTerminated(runId, RunStatus.FINISHED);
  }

  /**
   * Waits until all that was logged to a run is on disk, and ends it.
   *
   * @param runId the run
   * @param status FINISHED, FAILED or KILLED
   * @throws TrackingException as {@link #flush} and {@link Runs#update}
   */
  public void setTerminated(String runId, RunStatus status) {
    long endTime = System.currentTimeMillis();
    uploader.outbox.finish(uploader.outbox.of(runId), PATIENCE);
    setStatus(runId, status, endTime);
  }

  /**
   * Waits until all that was logged before is on disk.
   *
   * @param timeout how long to wait
   * @throws TrackingException if the server refused some of it, or did not answer in time ({@code
   *     DEADLINE_EXCEEDED}; it is still sent)
   */
  public void flush(Duration timeout) {
    uploader.outbox.flush(uploader.outbox.all(), timeout);
  }

  /**
   * Returns the position of the last commit, where a watch can start for the next minute.
   *
   * <p>To miss nothing between a read and a watch, take the position, read, and watch from there.
   *
   * @return the position, opaque
   */
  public String position() {
    return calls
        .call(watches, to -> to.getPosition(GetPositionRequest.getDefaultInstance()))
        .getPosition();
  }

  /**
   * Watches runs, those named and those of experiments. The watch has begun when this returns.
   *
   * @param request what to watch, and from where
   * @return what is committed to them; close it to end the watch
   * @throws TrackingException {@code INVALID_ARGUMENT}, {@code NOT_FOUND}, or {@code
   *     FAILED_PRECONDITION} as {@link Watch#hasNext}
   */
  public Watch watch(WatchRequest request) {
    return new Watch(calls, watches, request);
  }

  /**
   * Waits until all that was logged is on disk, and ends what the client holds: its thread, its
   * stream and, if it made it, its channel. Runs stay as they are. Calls that log throw {@link
   * IllegalStateException} from its beginning on.
   *
   * @throws TrackingException if the server refused something that nobody was told of, or did not
   *     answer for a minute; then what is not answered is lost
   */
  @Override
  public void close() {
    boolean interrupted = Thread.interrupted();
    uploader.outbox.close();
    try {
      uploader.outbox.finish(uploader.outbox.all(), PATIENCE);
    } finally {
      openRuns.close();
      uploader.close();
      if (ownsChannel) {
        calls.closeChannel();
      }
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  Outbox outbox() {
    return uploader.outbox;
  }

  void closed(RunHandle run) {
    openRuns.remove(run);
  }

  private RunHandle open(RunInfo info) {
    RunHandle run = new RunHandle(this, info);
    openRuns.add(run);
    return run;
  }

  void log(String runId, Predicate<RunBuffer> call) {
    while (!call.test(uploader.outbox.buffer(runId))) {
      // That buffer was let go meanwhile; there is another one.
    }
  }

  private RunInfo setStatus(String runId, RunStatus status, Long endTime) {
    UpdateRunRequest.Builder request =
        UpdateRunRequest.newBuilder().setRunId(runId).setStatus(status);
    if (endTime != null) {
      request.setEndTime(endTime);
    }
    return runs.update(request.build());
  }
}
