package io.runstream;

import io.runstream.v1.CreateModelVersionRequest;
import io.runstream.v1.DeleteModelVersionRequest;
import io.runstream.v1.DeleteModelVersionTagRequest;
import io.runstream.v1.GetLatestVersionsRequest;
import io.runstream.v1.GetModelVersionByAliasRequest;
import io.runstream.v1.GetModelVersionDownloadUriRequest;
import io.runstream.v1.GetModelVersionRequest;
import io.runstream.v1.ModelVersion;
import io.runstream.v1.SearchModelVersionsRequest;
import io.runstream.v1.SearchModelVersionsResponse;
import io.runstream.v1.SetModelVersionTagRequest;
import io.runstream.v1.TransitionModelVersionStageRequest;
import io.runstream.v1.UpdateModelVersionRequest;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Iterator;
import java.util.List;

/**
 * The model registry of a server: names for models, and their versions; see {@link
 * TrackingClient#modelRegistry}.
 *
 * <p>A version is known by the name of its registered model and its number. Each call throws {@link
 * TrackingException}: {@code NOT_FOUND} for what is not there, {@code INVALID_ARGUMENT} for what
 * breaks its rule, and {@code PERMISSION_DENIED}.
 */
public final class ModelRegistry extends RegisteredModelCalls {
  private final Artifacts artifacts;

  ModelRegistry(Calls calls, Artifacts artifacts) {
    super(calls);
    this.artifacts = artifacts;
  }

  /**
   * Creates a version of a registered model.
   *
   * @param name the registered model
   * @param source where its files are: {@code runs:/RUN_ID/PATH}, {@code models:/MODEL_ID}, {@code
   *     models:/NAME/VERSION} or {@code models:/NAME@ALIAS}
   * @return the version
   * @throws TrackingException {@code FAILED_PRECONDITION} if the run is deleted
   */
  public ModelVersion createModelVersion(String name, String source) {
    return createModelVersion(
        CreateModelVersionRequest.newBuilder().setName(name).setSource(source).build());
  }

  /**
   * Creates a version of a registered model.
   *
   * @param request the registered model, where the files are, tags and a description
   * @return the version
   * @throws TrackingException {@code FAILED_PRECONDITION} if the run is deleted
   */
  public ModelVersion createModelVersion(CreateModelVersionRequest request) {
    return calls.call(stub, service -> service.createModelVersion(request)).getModelVersion();
  }

  /**
   * Returns a version, with what was logged of its logged model.
   *
   * @param name the registered model
   * @param version the number of the version
   * @return the version
   */
  public ModelVersion getModelVersion(String name, String version) {
    GetModelVersionRequest request =
        GetModelVersionRequest.newBuilder().setName(name).setVersion(version).build();
    return calls.call(stub, service -> service.getModelVersion(request)).getModelVersion();
  }

  /**
   * Returns the version to which an alias leads.
   *
   * @param name the registered model
   * @param alias the alias
   * @return the version
   */
  public ModelVersion getModelVersionByAlias(String name, String alias) {
    GetModelVersionByAliasRequest request =
        GetModelVersionByAliasRequest.newBuilder().setName(name).setAlias(alias).build();
    return calls.call(stub, service -> service.getModelVersionByAlias(request)).getModelVersion();
  }

  /**
   * Returns of each stage the version with the highest number.
   *
   * @param name the registered model
   * @return the versions, by number
   */
  public List<ModelVersion> getLatestVersions(String name) {
    return getLatestVersions(name, List.of());
  }

  /**
   * Returns of each of some stages the version with the highest number.
   *
   * @param name the registered model
   * @param stages {@code None}, {@code Staging}, {@code Production}, {@code Archived}; all, if none
   *     is named
   * @return the versions, by number
   */
  public List<ModelVersion> getLatestVersions(String name, Iterable<String> stages) {
    GetLatestVersionsRequest request =
        GetLatestVersionsRequest.newBuilder().setName(name).addAllStages(stages).build();
    return calls.call(stub, service -> service.getLatestVersions(request)).getModelVersionsList();
  }

  /**
   * Searches versions.
   *
   * @param filter such as {@code name = 'fraud' and current_stage = 'Production'}; {@code ""} for
   *     all
   * @return all that are found, read page by page as they are taken
   */
  public Iterator<ModelVersion> searchModelVersions(String filter) {
    return searchModelVersions(SearchModelVersionsRequest.newBuilder().setFilter(filter).build());
  }

  /**
   * Searches versions.
   *
   * @param request filter and order; {@code max_results} is the size of a page
   * @return all that are found, read page by page as they are taken
   */
  public Iterator<ModelVersion> searchModelVersions(SearchModelVersionsRequest request) {
    return new Pages<>(
        token -> {
          SearchModelVersionsRequest page = request.toBuilder().setPageToken(token).build();
          return calls.call(stub, service -> service.searchModelVersions(page));
        },
        SearchModelVersionsResponse::getModelVersionsList,
        SearchModelVersionsResponse::getNextPageToken);
  }

  /**
   * Replaces the description of a version.
   *
   * @param name the registered model
   * @param version the number of the version
   * @param description its description; {@code ""} for none
   * @return the version
   */
  public ModelVersion updateModelVersion(String name, String version, String description) {
    UpdateModelVersionRequest request =
        UpdateModelVersionRequest.newBuilder()
            .setName(name)
            .setVersion(version)
            .setDescription(description)
            .build();
    return calls.call(stub, service -> service.updateModelVersion(request)).getModelVersion();
  }

  /**
   * Moves a version to a stage.
   *
   * @param request which version and stage, and whether other versions of the stage are archived
   * @return the version
   */
  public ModelVersion transitionModelVersionStage(TransitionModelVersionStageRequest request) {
    return calls
        .call(stub, service -> service.transitionModelVersionStage(request))
        .getModelVersion();
  }

  /**
   * Deletes a version and its aliases for good; its files stay.
   *
   * @param name the registered model
   * @param version the number of the version
   */
  public void deleteModelVersion(String name, String version) {
    DeleteModelVersionRequest request =
        DeleteModelVersionRequest.newBuilder().setName(name).setVersion(version).build();
    calls.call(stub, service -> service.deleteModelVersion(request));
  }

  /**
   * Sets a tag of a version; the last value set stands.
   *
   * @param name the registered model
   * @param version the number of the version
   * @param key 1 to 250 characters
   * @param value the value
   */
  public void setModelVersionTag(String name, String version, String key, String value) {
    SetModelVersionTagRequest request =
        SetModelVersionTagRequest.newBuilder()
            .setName(name)
            .setVersion(version)
            .setKey(key)
            .setValue(value)
            .build();
    calls.call(stub, service -> service.setModelVersionTag(request));
  }

  /**
   * Deletes a tag of a version; one that is not there is no error.
   *
   * @param name the registered model
   * @param version the number of the version
   * @param key the key of the tag
   */
  public void deleteModelVersionTag(String name, String version, String key) {
    DeleteModelVersionTagRequest request =
        DeleteModelVersionTagRequest.newBuilder()
            .setName(name)
            .setVersion(version)
            .setKey(key)
            .build();
    calls.call(stub, service -> service.deleteModelVersionTag(request));
  }

  /**
   * Returns the URI of the files of a version.
   *
   * @param name the registered model
   * @param version the number of the version
   * @return the URI
   */
  public String getModelVersionDownloadUri(String name, String version) {
    GetModelVersionDownloadUriRequest request =
        GetModelVersionDownloadUriRequest.newBuilder().setName(name).setVersion(version).build();
    return calls
        .call(stub, service -> service.getModelVersionDownloadUri(request))
        .getArtifactUri();
  }

  /**
   * Downloads the files of a version.
   *
   * @param version the version, as {@link #getModelVersion} or {@link #getModelVersionByAlias}
   *     returns it
   * @param destination the folder on this machine, made where it is missing
   * @return the files on this machine
   * @throws IOException if they cannot be written
   */
  public List<Path> downloadModelVersion(ModelVersion version, Path destination)
      throws IOException {
    String owner = version.getModelId().isEmpty() ? version.getRunId() : version.getModelId();
    return artifacts.downloadFolder(owner, version.getArtifactPath(), destination);
  }
}
