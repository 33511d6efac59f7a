package io.runstream;

import io.grpc.Deadline;
import io.runstream.v1.CopyRunsRequest;
import io.runstream.v1.CopyRunsResponse;
import io.runstream.v1.CountRunsRequest;
import io.runstream.v1.CreateRunRequest;
import io.runstream.v1.DatasetInput;
import io.runstream.v1.DeleteRunRequest;
import io.runstream.v1.DeleteTagRequest;
import io.runstream.v1.GetRunRequest;
import io.runstream.v1.LogInputsRequest;
import io.runstream.v1.RestoreRunRequest;
import io.runstream.v1.Run;
import io.runstream.v1.RunInfo;
import io.runstream.v1.RunServiceGrpc;
import io.runstream.v1.RunServiceGrpc.RunServiceBlockingStub;
import io.runstream.v1.SearchRunsRequest;
import io.runstream.v1.SearchRunsResponse;
import io.runstream.v1.UpdateRunRequest;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The runs of a server; see {@link TrackingClient#runs}.
 *
 * <p>What this client logged before is on disk before a run is read or searched, and so is seen.
 */
public final class Runs {
  private final Calls calls;
  private final Outbox outbox;
  private final RunServiceBlockingStub stub;
  private final Starts starts;

  Runs(Calls calls, Outbox outbox) {
    this.calls = calls;
    this.outbox = outbox;
    this.stub = RunServiceGrpc.newBlockingStub(calls.channel).withWaitForReady();
    this.starts = new Starts(calls, this::update);
  }

  /**
   * Creates a run. If the thread is interrupted before this returns, and the request has no run id,
   * the run is ended (R9).
   *
   * @param request what to create; without a run id it gets one, so that it can be repeated (R1)
   * @return the run
   * @throws TrackingException {@code INVALID_ARGUMENT}, {@code NOT_FOUND} if there is no such
   *     experiment, {@code FAILED_PRECONDITION} if it is deleted, or {@code ALREADY_EXISTS} if the
   *     run id is taken by a run with other content
   */
  public Run create(CreateRunRequest request) {
    return request.getRunId().isEmpty()
        ? start(withIdAndStartTime(request))
        : create(withIdAndStartTime(request), calls.newDeadline());
  }

  /** Creates a run; an interrupt before this returns ends it (R9). */
  private Run start(CreateRunRequest complete) {
    return starts.start(complete.getRunId(), deadline -> create(complete, deadline));
  }

  Starts starts() {
    return starts;
  }

  private Run create(CreateRunRequest complete, Deadline deadline) {
    return calls.call(deadline, stub, service -> service.createRun(complete)).getRun();
  }

  /** Returns the request with a run id and a start time, so that sending it again is safe (R1). */
  private static CreateRunRequest withIdAndStartTime(CreateRunRequest request) {
    CreateRunRequest.Builder complete = request.toBuilder();
    if (complete.getRunId().isEmpty()) {
      complete.setRunId(Requests.newId());
    }
    if (complete.getStartTime() == 0) {
      complete.setStartTime(System.currentTimeMillis());
    }
    return complete.build();
  }

  /**
   * Returns a run, active or deleted, with the latest point of each of its metrics (M5).
   *
   * @param runId its id
   * @return the run
   * @throws TrackingException {@code NOT_FOUND}
   */
  public Run get(String runId) {
    GetRunRequest request = GetRunRequest.newBuilder().setRunId(runId).build();
    return calls
        .callAfter(outbox, outbox.buffers.find(runId), stub, service -> service.getRun(request))
        .getRun();
  }

  /**
   * Changes status, end time and name of an active run.
   *
   * @param request the changes; what is not set stays as it is
   * @return what the run is now
   * @throws TrackingException {@code INVALID_ARGUMENT}, {@code NOT_FOUND}, or {@code
   *     FAILED_PRECONDITION} if it is deleted
   */
  public RunInfo update(UpdateRunRequest request) {
    return update(request, calls.newDeadline());
  }

  RunInfo update(UpdateRunRequest request, Deadline end) {
    return calls.call(end, stub, service -> service.updateRun(request)).getRunInfo();
  }

  /**
   * Deletes a run; it can be restored. Deleting a deleted run changes nothing (R2).
   *
   * @param runId its id
   * @throws TrackingException {@code NOT_FOUND}
   */
  public void delete(String runId) {
    delete(runId, false);
  }

  /**
   * Deletes a run, and its child runs if asked; they can be restored.
   *
   * @param runId its id
   * @param withChildren whether its child runs go with it, and theirs in turn
   * @throws TrackingException {@code NOT_FOUND}
   */
  public void delete(String runId, boolean withChildren) {
    DeleteRunRequest request =
        DeleteRunRequest.newBuilder().setRunId(runId).setWithChildren(withChildren).build();
    calls.callAfter(
        outbox,
        withChildren ? outbox.buffers.all() : outbox.buffers.find(runId),
        stub,
        service -> service.deleteRun(request));
  }

  /**
   * Restores a run, and the child runs that were deleted with it. Restoring an active run changes
   * nothing (R2).
   *
   * @param runId its id
   * @throws TrackingException {@code NOT_FOUND}, or {@code FAILED_PRECONDITION} if its experiment
   *     is deleted
   */
  public void restore(String runId) {
    RestoreRunRequest request = RestoreRunRequest.newBuilder().setRunId(runId).build();
    calls.callAfter(
        outbox, outbox.buffers.find(runId), stub, service -> service.restoreRun(request));
  }

  /**
   * Copies runs that have ended to an experiment, all of them or none, with their child runs (R11).
   *
   * <p>Copies have all that was logged, and files; logged models stay with the runs.
   *
   * @param runIds active runs, 1 to 1,000
   * @param experimentId the experiment that the copies will belong to
   * @return the ids of the copies by those of the runs, child runs included
   * @throws TrackingException {@code NOT_FOUND}, {@code FAILED_PRECONDITION} if a run goes on or is
   *     deleted, or {@code ABORTED} if one is logged to meanwhile
   */
  public Map<String, String> copy(Iterable<String> runIds, String experimentId) {
    CopyRunsRequest request =
        CopyRunsRequest.newBuilder()
            .addAllRunIds(runIds)
            .setExperimentId(experimentId)
            .setWrite(Requests.newWrite())
            .build();
    CopyRunsResponse answer;
    do { // a call works for some seconds, and the same request goes on with it
      answer =
          calls.callAfter(outbox, outbox.buffers.all(), stub, service -> service.copyRuns(request));
    } while (!answer.getDone());
    Map<String, String> copies = new LinkedHashMap<>();
    answer.getCopiesList().forEach(copy -> copies.put(copy.getSourceRunId(), copy.getRunId()));
    return copies;
  }

  /**
   * Deletes a tag of an active run (P3).
   *
   * @param runId the run
   * @param key the key of the tag
   * @throws TrackingException {@code NOT_FOUND}, or {@code FAILED_PRECONDITION} if the run is
   *     deleted
   */
  public void deleteTag(String runId, String key) {
    DeleteTagRequest request = DeleteTagRequest.newBuilder().setRunId(runId).setKey(key).build();
    calls.callAfter(
        outbox, outbox.buffers.find(runId), stub, service -> service.deleteTag(request));
  }

  /**
   * Records datasets that an active run read (P4).
   *
   * @param runId the run
   * @param datasets the datasets, each with the tags of its use
   * @throws TrackingException {@code INVALID_ARGUMENT}, {@code NOT_FOUND}, or {@code
   *     FAILED_PRECONDITION} if the run is deleted
   */
  public void logInputs(String runId, Iterable<DatasetInput> datasets) {
    LogInputsRequest request =
        LogInputsRequest.newBuilder().setRunId(runId).addAllDatasets(datasets).build();
    calls.callAfter(
        outbox, outbox.buffers.find(runId), stub, service -> service.logInputs(request));
  }

  /**
   * Searches runs (S1 to S6).
   *
   * @param request experiments, filter, order, view and what to return of each run; {@code
   *     max_results} is the size of a page
   * @return all runs that are found, read page by page as they are taken; it throws {@link
   *     TrackingException} as calls do, with the column of what is malformed in the metadata
   */
  public Iterator<Run> search(SearchRunsRequest request) {
    outbox.flush(outbox.buffers.all(), calls.deadline);
    return new Pages<>(
        token -> {
          SearchRunsRequest page = request.toBuilder().setPageToken(token).build();
          return calls.call(stub, service -> service.searchRuns(page));
        },
        SearchRunsResponse::getRunsList,
        SearchRunsResponse::getNextPageToken);
  }

  /**
   * Returns how many runs a filter is true of.
   *
   * @param request experiments, filter and view
   * @return the number
   * @throws TrackingException {@code INVALID_ARGUMENT} if the filter is malformed
   */
  public long count(CountRunsRequest request) {
    return calls
        .callAfter(outbox, outbox.buffers.all(), stub, service -> service.countRuns(request))
        .getCount();
  }
}
