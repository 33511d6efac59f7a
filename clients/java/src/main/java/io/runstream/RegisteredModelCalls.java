package io.runstream;

import io.runstream.v1.CreateRegisteredModelRequest;
import io.runstream.v1.DeleteRegisteredModelAliasRequest;
import io.runstream.v1.DeleteRegisteredModelRequest;
import io.runstream.v1.DeleteRegisteredModelTagRequest;
import io.runstream.v1.GetRegisteredModelRequest;
import io.runstream.v1.ModelRegistryServiceGrpc;
import io.runstream.v1.ModelRegistryServiceGrpc.ModelRegistryServiceBlockingStub;
import io.runstream.v1.RegisteredModel;
import io.runstream.v1.RenameRegisteredModelRequest;
import io.runstream.v1.SearchRegisteredModelsRequest;
import io.runstream.v1.SearchRegisteredModelsResponse;
import io.runstream.v1.SetRegisteredModelAliasRequest;
import io.runstream.v1.SetRegisteredModelTagRequest;
import io.runstream.v1.UpdateRegisteredModelRequest;
import java.util.Iterator;

/** The calls about registered models and their aliases; see {@link ModelRegistry}. */
abstract class RegisteredModelCalls {
  final Calls calls;
  final ModelRegistryServiceBlockingStub stub;

  RegisteredModelCalls(Calls calls) {
    this.calls = calls;
    this.stub = ModelRegistryServiceGrpc.newBlockingStub(calls.channel).withWaitForReady();
  }

  /**
   * Creates a registered model, without versions.
   *
   * @param name 1 to 256 characters without {@code /} and {@code :}, unique
   * @return the registered model
   * @throws TrackingException {@code ALREADY_EXISTS} if the name is taken
   */
  public RegisteredModel createRegisteredModel(String name) {
    return createRegisteredModel(CreateRegisteredModelRequest.newBuilder().setName(name).build());
  }

  /**
   * Creates a registered model, without versions.
   *
   * @param request its name, tags and description
   * @return the registered model
   * @throws TrackingException {@code ALREADY_EXISTS} if the name is taken
   */
  public RegisteredModel createRegisteredModel(CreateRegisteredModelRequest request) {
    return calls.call(stub, service -> service.createRegisteredModel(request)).getRegisteredModel();
  }

  /**
   * Returns a registered model.
   *
   * @param name its name
   * @return the registered model, with the latest version of each stage
   */
  public RegisteredModel getRegisteredModel(String name) {
    GetRegisteredModelRequest request =
        GetRegisteredModelRequest.newBuilder().setName(name).build();
    return calls.call(stub, service -> service.getRegisteredModel(request)).getRegisteredModel();
  }

  /**
   * Gives a registered model another name.
   *
   * @param name its name
   * @param newName its new name, unique
   * @return the registered model
   * @throws TrackingException {@code ALREADY_EXISTS} if the name is taken
   */
  public RegisteredModel renameRegisteredModel(String name, String newName) {
    RenameRegisteredModelRequest request =
        RenameRegisteredModelRequest.newBuilder().setName(name).setNewName(newName).build();
    return calls.call(stub, service -> service.renameRegisteredModel(request)).getRegisteredModel();
  }

  /**
   * Replaces the description of a registered model.
   *
   * @param name its name
   * @param description its description; {@code ""} for none
   * @return the registered model
   */
  public RegisteredModel updateRegisteredModel(String name, String description) {
    UpdateRegisteredModelRequest request =
        UpdateRegisteredModelRequest.newBuilder().setName(name).setDescription(description).build();
    return calls.call(stub, service -> service.updateRegisteredModel(request)).getRegisteredModel();
  }

  /**
   * Deletes a registered model with all its versions for good; their files stay.
   *
   * @param name its name
   */
  public void deleteRegisteredModel(String name) {
    DeleteRegisteredModelRequest request =
        DeleteRegisteredModelRequest.newBuilder().setName(name).build();
    calls.call(stub, service -> service.deleteRegisteredModel(request));
  }

  /**
   * Searches registered models.
   *
   * @param request filter and order; {@code max_results} is the size of a page
   * @return all that are found, read page by page as they are taken
   */
  public Iterator<RegisteredModel> searchRegisteredModels(SearchRegisteredModelsRequest request) {
    return new Pages<>(
        token -> {
          SearchRegisteredModelsRequest page = request.toBuilder().setPageToken(token).build();
          return calls.call(stub, service -> service.searchRegisteredModels(page));
        },
        SearchRegisteredModelsResponse::getRegisteredModelsList,
        SearchRegisteredModelsResponse::getNextPageToken);
  }

  /**
   * Sets a tag of a registered model; the last value set stands.
   *
   * @param name its name
   * @param key 1 to 250 characters
   * @param value the value
   */
  public void setRegisteredModelTag(String name, String key, String value) {
    SetRegisteredModelTagRequest request =
        SetRegisteredModelTagRequest.newBuilder().setName(name).setKey(key).setValue(value).build();
    calls.call(stub, service -> service.setRegisteredModelTag(request));
  }

  /**
   * Deletes a tag of a registered model; one that is not there is no error.
   *
   * @param name its name
   * @param key the key of the tag
   */
  public void deleteRegisteredModelTag(String name, String key) {
    DeleteRegisteredModelTagRequest request =
        DeleteRegisteredModelTagRequest.newBuilder().setName(name).setKey(key).build();
    calls.call(stub, service -> service.deleteRegisteredModelTag(request));
  }

  /**
   * Lets an alias lead to a version, and no more to another one.
   *
   * @param name the registered model
   * @param alias 1 to 255 letters, digits, {@code _} and {@code -}
   * @param version the number of the version
   */
  public void setRegisteredModelAlias(String name, String alias, String version) {
    SetRegisteredModelAliasRequest request =
        SetRegisteredModelAliasRequest.newBuilder()
            .setName(name)
            .setAlias(alias)
            .setVersion(version)
            .build();
    calls.call(stub, service -> service.setRegisteredModelAlias(request));
  }

  /**
   * Deletes an alias; one that is not there is no error.
   *
   * @param name the registered model
   * @param alias the alias
   */
  public void deleteRegisteredModelAlias(String name, String alias) {
    DeleteRegisteredModelAliasRequest request =
        DeleteRegisteredModelAliasRequest.newBuilder().setName(name).setAlias(alias).build();
    calls.call(stub, service -> service.deleteRegisteredModelAlias(request));
  }
}
