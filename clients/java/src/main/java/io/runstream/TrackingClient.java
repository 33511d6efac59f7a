package io.runstream;

import io.grpc.Deadline;
import io.grpc.ManagedChannel;
import io.runstream.v1.CreateRunRequest;
import io.runstream.v1.RunInfo;
import io.runstream.v1.WatchRequest;
import java.io.IOException;
import java.time.Duration;
import java.util.List;

/**
 * A client of one Runstream server. Any thread may use it.
 *
 * <p>What is logged is queued, written to the disk of this machine, and sent by one thread over one
 * stream; a server that is away for a while costs nothing but disk space. What was logged is on the
 * disk of the server when {@link #flush} has returned. Other calls wait for the server and its
 * answer, for a minute unless the builder sets another deadline.
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
public final class TrackingClient extends RunLogging implements AutoCloseable {
  /** The environment variable of which {@link #connect()} takes the URI of the server. */
  public static final String TRACKING_URI = "RUNSTREAM_TRACKING_URI";

  static final Duration DEADLINE = Duration.ofSeconds(60);

  private static final System.Logger LOG = System.getLogger("io.runstream");

  private final boolean ownsChannel;
  private final Experiments experiments;
  private final Grants grants;
  private final ModelRegistry modelRegistry;
  private final Histories histories;
  private final Artifacts artifacts;
  private final Adoption adoption;
  private final OpenRuns openRuns;
  private final RunOpener opener;
  private final Duration exitTimeout;
  private boolean closed; // covered by the monitor

  TrackingClient(Calls calls, boolean ownsChannel, SpoolSettings spool, String trackingUri) {
    super(
        calls,
        spool.isOnDisk() ? new DiskQueue(spool, trackingUri) : new MemoryQueue(),
        spool.isOffline);
    exitTimeout = spool.exitTimeout;
    this.ownsChannel = ownsChannel;
    experiments = new Experiments(calls);
    grants = new Grants(calls);
    histories = new Histories(calls, uploader.outbox);
    artifacts = new Artifacts(calls);
    modelRegistry = new ModelRegistry(calls, artifacts);
    adoption = new Adoption(calls, uploader.outbox, spool, trackingUri);
    uploader.whenReached(adoption::look);
    openRuns = new OpenRuns(calls, uploader, runs.starts(), adoption, trackingUri, exitTimeout);
    opener = new RunOpener(this, openRuns);
  }

  /**
   * Connects to the server that the environment variable {@link #TRACKING_URI} names; to {@code
   * grpc://localhost:50051}, if it names none.
   *
   * @return a client
   * @throws TrackingException if the URI is malformed
   */
  public static TrackingClient connect() {
    String uri = System.getenv(TRACKING_URI);
    return connect(uri == null || uri.isEmpty() ? TrackingUri.DEFAULT : uri);
  }

  /**
   * Connects to a server, or to several that have the same runs.
   *
   * @param uri {@code grpc://host:port}, {@code grpc://host:port,host:port} for several, {@code
   *     grpcs://} for TLS, or {@code offline:folder} to write to a folder alone, which {@code
   *     runstream sync} sends later
   * @return a client
   * @throws TrackingException if the URI is malformed, or a file that the environment names cannot
   *     be read
   */
  public static TrackingClient connect(String uri) {
    try {
      return builder(uri).build();
    } catch (IOException error) { // a file of certificates that the environment names
      throw TrackingException.unavailable(error.getMessage(), error);
    }
  }

  /**
   * Begins to make a client with other settings.
   *
   * @param uri as {@link #connect(String)}
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
    return new TrackingClient(
        new Calls(
            channel,
            DEADLINE,
            "over a channel of the caller",
            1,
            new ConnectionProblem(List.of(), false)),
        false,
        new SpoolSettings(System.getenv()),
        "");
  }

  /**
   * Returns the calls about experiments.
   *
   * @return these calls
   */
  public Experiments experiments() {
    return experiments;
  }

  /**
   * Returns the calls about what users and groups may do with experiments.
   *
   * @return these calls
   */
  public Grants grants() {
    return grants;
  }

  /**
   * Returns the calls about runs.
   *
   * @return these calls
   */
  public Runs runs() {
    return runs;
  }

  /**
   * Returns the calls about histories of metrics.
   *
   * @return these calls
   */
  public Histories histories() {
    return histories;
  }

  /**
   * Returns the calls about artifacts.
   *
   * @return these calls
   */
  public Artifacts artifacts() {
    return artifacts;
  }

  /**
   * Returns the calls about registered models and their versions.
   *
   * @return the calls
   */
  public ModelRegistry modelRegistry() {
    return modelRegistry;
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
   * Starts a run and opens it for logging. While the server can be reached this waits for its
   * answer; otherwise it returns at once, and what the server refuses later is thrown by a later
   * call for the run. The run gets the tags {@code mlflow.user}, {@code mlflow.source.type} and
   * {@code mlflow.source.name}, unless the request has them (R4). If the thread is interrupted or
   * the program ends before this returns, the run is ended (R9).
   *
   * @param request what to create, as {@link Runs#create}
   * @return a handle, whose close ends the run
   * @throws TrackingException as {@link Runs#create}
   */
  public RunHandle startRun(CreateRunRequest request) {
    return opener.start(SourceTags.describe(request));
  }

  /**
   * Opens a run that is there already, so that it is RUNNING again, and waits as {@link #startRun}
   * does. If the thread is interrupted or the program ends before this returns, the run is ended
   * (R9).
   *
   * @param runId its id
   * @return a handle, whose close ends the run
   * @throws TrackingException {@code NOT_FOUND}, or {@code FAILED_PRECONDITION} if it is deleted
   */
  public RunHandle resumeRun(String runId) {
    return opener.resume(runId);
  }

  /**
   * Returns the position of the last commit, where a watch can start for the next minute.
   *
   * <p>To miss nothing between a read and a watch, take the position, read, and watch from there.
   *
   * @return the position, opaque
   */
  public String position() {
    return Watch.position(calls);
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
    return new Watch(calls, request);
  }

  /**
   * Waits until all that was logged is on disk, and ends what the client holds: its thread, its
   * stream and, if it made it, its channel. Runs stay as they are. Calls that log throw {@link
   * IllegalStateException} from its beginning on. An interrupt of the thread waits until it is
   * done.
   *
   * <p>If the server does not answer, what was logged stays on the disk of this machine, which a
   * warning names, and {@code runstream sync} sends it. If it is in memory alone, this throws; it
   * is still sent, and the client ends once it is there. Closing it again waits again, and so does
   * the end of the program. The same is true of a run that {@link #createRun} created, whose call
   * was interrupted, and that could not be ended (R9).
   *
   * @throws TrackingException if the server refused something that no call has thrown yet, or did
   *     not answer for a minute ({@code DEADLINE_EXCEEDED})
   */
  @Override
  public void close() {
    uploader.outbox.close();
    Deadline end = calls.newDeadline();
    Interrupts.defer(() -> close(end));
  }

  private void close(Deadline end) {
    Outbox outbox = uploader.outbox;
    try {
      if (outbox.place() == null) {
        outbox.flush(outbox.buffers.all(), end, calls.deadline);
      } else {
        outbox.flushAtEnd(end, exitTimeout);
      }
      runs.starts().endInterrupted(end);
    } catch (TrackingException error) {
      if (error.reason().equals(Backlog.FLUSH_TIMEOUT)) {
        if (outbox.place() != null && outbox.unwrittenBacklog().isEmpty()) {
          LOG.log(
              System.Logger.Level.WARNING,
              "{0}",
              UndeliveredReport.describeKept(
                  calls.server(),
                  ": no answer came within " + Calls.seconds(exitTimeout),
                  outbox.place(),
                  outbox.writtenBacklog().counts()));
          release();
          return;
        }
        uploader.whenEmpty(this::release);
      } else if (!error.isInterrupt()) {
        release();
      }
      throw error;
    }
    release();
  }

  private synchronized void release() {
    if (!closed && !runs.starts().hasInterrupted()) { // their runs can still be ended
      closed = true;
      openRuns.close();
      adoption.close();
      uploader.close();
      String kept = uploader.outbox.keptRefusals.report(calls.server());
      if (!kept.isEmpty()) {
        LOG.log(System.Logger.Level.WARNING, "{0}", kept);
      }
      if (!uploader.isThread(Thread.currentThread())) {
        uploader.awaitEnd();
      }
      if (ownsChannel) {
        calls.closeChannel();
      }
    }
  }

  Adoption adoption() {
    return adoption;
  }

  Calls calls() {
    return calls;
  }

  void closed(RunHandle run) {
    openRuns.remove(run);
  }
}
