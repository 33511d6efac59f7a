package io.runstream;

import io.grpc.ConnectivityState;
import io.runstream.v1.CreateRunRequest;
import io.runstream.v1.LogBatchRequest;
import io.runstream.v1.RunInfo;
import io.runstream.v1.RunStart;
import io.runstream.v1.RunStatus;
import io.runstream.v1.RunTag;
import io.runstream.v1.RunUpdate;
import java.time.Duration;

/**
 * Opens runs: queues the batch that starts or resumes one, and waits for its answer while the
 * server can be reached. Otherwise the program goes on, and a refusal is thrown by a later call for
 * the run.
 *
 * <p>A start that is interrupted is followed by the end of the run (R9): the queue keeps the order.
 */
final class RunOpener {
  /** Time in which a connection that failed comes about, or else the program goes on. */
  private static final Duration CONNECTION_TIMEOUT = Duration.ofSeconds(3);

  /**
   * Time in which a server answers, or else the program goes on. The first connection of a JVM has
   * it, too, because it begins with the loading of the transport.
   */
  private static final Duration ANSWER_TIMEOUT = Duration.ofSeconds(10);

  // Between two looks at the connection.
  private static final long LOOK_NANOS = 50_000_000;
  private static final String NAME_TAG = "mlflow.runName";
  private static final System.Logger LOG = System.getLogger("io.runstream");

  private final TrackingClient client;
  private final OpenRuns openRuns;
  private volatile boolean isWarned;

  RunOpener(TrackingClient client, OpenRuns openRuns) {
    this.client = client;
    this.openRuns = openRuns;
  }

  /** Starts a run; its id, its name and the time are made here, unless the request has them. */
  RunHandle start(CreateRunRequest request) {
    Requests.checkMessage(request);
    String id = request.getRunId().isEmpty() ? Requests.newId() : request.getRunId();
    long time = request.getStartTime() == 0 ? System.currentTimeMillis() : request.getStartTime();
    RunStart.Builder start =
        RunStart.newBuilder()
            .setExperimentId(request.getExperimentId())
            .setUserId(request.getUserId())
            .setRunName(findName(request))
            .setStartTime(time)
            .setHeartbeat(true);
    RunInfo info =
        RunInfo.newBuilder()
            .setRunId(id)
            .setExperimentId(request.getExperimentId().isEmpty() ? "0" : request.getExperimentId())
            .setRunName(start.getRunName())
            .setUserId(request.getUserId())
            .setStatus(RunStatus.RUNNING)
            .setStartTime(time)
            .setLifecycleStage("active")
            .build();
    return open(
        info, LogBatchRequest.newBuilder().setStart(start).addAllTags(request.getTagsList()));
  }

  /** Opens a run that is there already, so that it is RUNNING again. */
  RunHandle resume(String runId) {
    RunInfo info = RunInfo.newBuilder().setRunId(runId).setStatus(RunStatus.RUNNING).build();
    RunUpdate update =
        RunUpdate.newBuilder().setStatus(RunStatus.RUNNING).setHeartbeat(true).build();
    return open(info, LogBatchRequest.newBuilder().setUpdate(update));
  }

  private RunHandle open(RunInfo info, LogBatchRequest.Builder change) {
    if (Thread.currentThread().isInterrupted()) {
      throw TrackingException.interrupted(); // before there is a run that must be ended
    }
    openRuns.checkProgramGoesOn();
    RunHandle run = new RunHandle(client, info);
    Reply reply = new Reply();
    Batch batch;
    try {
      openRuns.add(run);
      batch = run.open(change, reply);
    } catch (RuntimeException error) {
      run.release();
      throw error;
    }
    try {
      await(reply);
    } catch (TrackingException error) {
      client.outbox().unanswered.abandon(reply);
      if (error.isInterrupt() || !client.outbox().takeBack(batch)) {
        run.kill(); // it may be started, or will be
      }
      run.release();
      throw error;
    }
    if (reply.refusal != null) {
      run.release();
      reply.refusal.fillInStackTrace(); // that of this call
      throw reply.refusal;
    }
    return run;
  }

  /**
   * Waits for an answer as long as that makes sense.
   *
   * @throws TrackingException of an interrupt, or if waiting is no help
   */
  private void await(Reply reply) {
    Outbox outbox = client.outbox();
    if (outbox.isOffline()) {
      outbox.unanswered.abandon(reply);
      return;
    }
    long start = System.nanoTime();
    boolean hasFailed = false;
    while (!outbox.unanswered.await(reply, LOOK_NANOS)) {
      Duration waited = Duration.ofNanos(System.nanoTime() - start);
      ConnectivityState state = client.calls().connection.getState(true);
      if (state == ConnectivityState.TRANSIENT_FAILURE && !hasFailed) {
        hasFailed = true;
        client.calls().checkFirstConnection();
      }
      String outage = outbox.unanswered.outage();
      if (outage.isEmpty() && hasPassed(waited, hasFailed && state != ConnectivityState.READY)) {
        outage =
            state == ConnectivityState.READY
                ? "no answer for " + Calls.seconds(waited)
                : "no connection";
        outbox.unanswered.setOutage(outage); // what is started next does not wait
      }
      if (!outage.isEmpty()) {
        outbox.unanswered.checkWaiting(); // the server may be there, and refuse this caller
        outbox.unanswered.abandon(reply);
        warn(outage);
        return;
      }
    }
  }

  private static boolean hasPassed(Duration waited, boolean isFailing) {
    return waited.compareTo(isFailing ? CONNECTION_TIMEOUT : ANSWER_TIMEOUT) >= 0;
  }

  private void warn(String outage) {
    if (!isWarned) {
      isWarned = true;
      LOG.log(
          System.Logger.Level.WARNING,
          "{0} is away ({1}): runs are started without it, and what is logged is sent when it is"
              + " back",
          client.calls().server(),
          outage);
    }
  }

  private static String findName(CreateRunRequest request) {
    if (!request.getRunName().isEmpty()) {
      return request.getRunName();
    }
    return request.getTagsList().stream()
        .filter(tag -> tag.getKey().equals(NAME_TAG))
        .map(RunTag::getValue)
        .filter(name -> !name.isEmpty())
        .findFirst()
        .orElseGet(GeneratedNames::generate);
  }
}
