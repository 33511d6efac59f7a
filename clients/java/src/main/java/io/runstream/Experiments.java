package io.runstream;

import io.grpc.Status;
import io.runstream.v1.CreateExperimentRequest;
import io.runstream.v1.DeleteExperimentRequest;
import io.runstream.v1.DeleteExperimentTagRequest;
import io.runstream.v1.Experiment;
import io.runstream.v1.ExperimentServiceGrpc;
import io.runstream.v1.ExperimentServiceGrpc.ExperimentServiceBlockingStub;
import io.runstream.v1.GetExperimentByNameRequest;
import io.runstream.v1.GetExperimentRequest;
import io.runstream.v1.RestoreExperimentRequest;
import io.runstream.v1.SearchExperimentsRequest;
import io.runstream.v1.SearchExperimentsResponse;
import io.runstream.v1.SetExperimentTagRequest;
import io.runstream.v1.UpdateExperimentRequest;
import java.util.Iterator;
import java.util.Optional;

/** The experiments of a server; see {@link TrackingClient#experiments}. */
public final class Experiments {
  private final Calls calls;
  private final ExperimentServiceBlockingStub stub;

  Experiments(Calls calls) {
    this.calls = calls;
    this.stub = ExperimentServiceGrpc.newBlockingStub(calls.channel).withWaitForReady();
  }

  /**
   * Creates an experiment.
   *
   * @param name 1 to 500 characters, unique (E2)
   * @return its id
   * @throws TrackingException {@code INVALID_ARGUMENT}, or {@code ALREADY_EXISTS} if the name is
   *     taken, maybe by a deleted experiment
   */
  public String create(String name) {
    return create(CreateExperimentRequest.newBuilder().setName(name).build());
  }

  /**
   * Creates an experiment.
   *
   * @param request its name, tags and artifact location
   * @return its id
   * @throws TrackingException {@code INVALID_ARGUMENT}, or {@code ALREADY_EXISTS} if the name is
   *     taken, maybe by a deleted experiment
   */
  public String create(CreateExperimentRequest request) {
    return calls.call(stub, service -> service.createExperiment(request)).getExperimentId();
  }

  /**
   * Returns an experiment, active or deleted.
   *
   * @param experimentId its id
   * @return the experiment
   * @throws TrackingException {@code NOT_FOUND}
   */
  public Experiment get(String experimentId) {
    GetExperimentRequest request =
        GetExperimentRequest.newBuilder().setExperimentId(experimentId).build();
    return calls.call(stub, service -> service.getExperiment(request)).getExperiment();
  }

  /**
   * Returns the experiment of a name, active or deleted.
   *
   * @param name its name, exactly
   * @return the experiment, if there is one
   */
  public Optional<Experiment> getByName(String name) {
    GetExperimentByNameRequest request =
        GetExperimentByNameRequest.newBuilder().setExperimentName(name).build();
    try {
      return Optional.of(
          calls.call(stub, service -> service.getExperimentByName(request)).getExperiment());
    } catch (TrackingException error) {
      if (error.code() == Status.Code.NOT_FOUND) {
        return Optional.empty();
      }
      throw error;
    }
  }

  /**
   * Renames an active experiment.
   *
   * @param experimentId its id
   * @param newName 1 to 500 characters, unique
   * @throws TrackingException {@code INVALID_ARGUMENT}, {@code NOT_FOUND}, {@code ALREADY_EXISTS},
   *     or {@code FAILED_PRECONDITION} if it is deleted
   */
  public void rename(String experimentId, String newName) {
    UpdateExperimentRequest request =
        UpdateExperimentRequest.newBuilder()
            .setExperimentId(experimentId)
            .setNewName(newName)
            .build();
    calls.call(stub, service -> service.updateExperiment(request));
  }

  /**
   * Deletes an active experiment and its active runs; both can be restored (E3).
   *
   * @param experimentId its id
   * @throws TrackingException {@code NOT_FOUND}
   */
  public void delete(String experimentId) {
    DeleteExperimentRequest request =
        DeleteExperimentRequest.newBuilder().setExperimentId(experimentId).build();
    calls.call(stub, service -> service.deleteExperiment(request));
  }

  /**
   * Restores a deleted experiment and the runs that were deleted with it (E3).
   *
   * @param experimentId its id
   * @throws TrackingException {@code NOT_FOUND}
   */
  public void restore(String experimentId) {
    RestoreExperimentRequest request =
        RestoreExperimentRequest.newBuilder().setExperimentId(experimentId).build();
    calls.call(stub, service -> service.restoreExperiment(request));
  }

  /**
   * Sets a tag of an active experiment; the last value set stands (E4).
   *
   * @param experimentId its id
   * @param key 1 to 250 characters
   * @param value up to 20,000 characters
   * @throws TrackingException {@code INVALID_ARGUMENT}, {@code NOT_FOUND}, or {@code
   *     FAILED_PRECONDITION} if it is deleted
   */
  public void setTag(String experimentId, String key, String value) {
    SetExperimentTagRequest request =
        SetExperimentTagRequest.newBuilder()
            .setExperimentId(experimentId)
            .setKey(key)
            .setValue(value)
            .build();
    calls.call(stub, service -> service.setExperimentTag(request));
  }

  /**
   * Deletes a tag of an active experiment.
   *
   * @param experimentId its id
   * @param key the key of the tag
   * @throws TrackingException {@code NOT_FOUND}, or {@code FAILED_PRECONDITION} if it is deleted
   */
  public void deleteTag(String experimentId, String key) {
    DeleteExperimentTagRequest request =
        DeleteExperimentTagRequest.newBuilder().setExperimentId(experimentId).setKey(key).build();
    calls.call(stub, service -> service.deleteExperimentTag(request));
  }

  /**
   * Searches experiments (S7).
   *
   * @param request filter, order and view; {@code max_results} is the size of a page
   * @return all experiments that are found, read page by page as they are taken; it throws {@link
   *     TrackingException} as calls do
   */
  public Iterator<Experiment> search(SearchExperimentsRequest request) {
    return new Pages<>(
        token -> {
          SearchExperimentsRequest page = request.toBuilder().setPageToken(token).build();
          return calls.call(stub, service -> service.searchExperiments(page));
        },
        SearchExperimentsResponse::getExperimentsList,
        SearchExperimentsResponse::getNextPageToken);
  }
}
