package io.runstream;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.grpc.Status;
import io.runstream.v1.CreateModelVersionRequest;
import io.runstream.v1.CreateRegisteredModelRequest;
import io.runstream.v1.ModelVersion;
import io.runstream.v1.ModelVersionStatus;
import io.runstream.v1.ModelVersionTag;
import io.runstream.v1.RegisteredModel;
import io.runstream.v1.RegisteredModelAlias;
import io.runstream.v1.RegisteredModelTag;
import io.runstream.v1.SearchModelVersionsRequest;
import io.runstream.v1.SearchRegisteredModelsRequest;
import io.runstream.v1.TransitionModelVersionStageRequest;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Registered models and their versions. */
@Timeout(60)
class ModelRegistryTest extends SharedServerTest {
  ModelRegistry registry;
  String name;
  String source;

  @BeforeEach
  void prepare() {
    registry = client.modelRegistry();
    name = "fraud " + UUID.randomUUID();
    String run = client.createRun().getRunId();
    client.artifacts().upload(run, "flavors: {}".getBytes(StandardCharsets.UTF_8), "best/MLmodel");
    source = "runs:/" + run + "/best";
  }

  @Test
  void aRegisteredModelIsCreatedChangedFoundRenamedAndDeleted() {
    RegisteredModelTag tag =
        RegisteredModelTag.newBuilder().setKey("team").setValue("risk").build();
    RegisteredModel created =
        registry.createRegisteredModel(
            CreateRegisteredModelRequest.newBuilder().setName(name).addTags(tag).build());
    assertEquals(List.of(tag), created.getTagsList());
    TrackingException taken =
        assertThrows(TrackingException.class, () -> registry.createRegisteredModel(name));
    assertEquals("REGISTERED_MODEL_EXISTS", taken.reason());

    assertEquals("of cards", registry.updateRegisteredModel(name, "of cards").getDescription());
    registry.setRegisteredModelTag(name, "area", "east");
    registry.deleteRegisteredModelTag(name, "team");
    List<RegisteredModelTag> tags = registry.getRegisteredModel(name).getTagsList();
    assertEquals(
        List.of(RegisteredModelTag.newBuilder().setKey("area").setValue("east").build()), tags);

    String newName = name + " 2";
    RegisteredModel renamed = registry.renameRegisteredModel(name, newName);
    assertEquals(newName, renamed.getName());
    Iterator<RegisteredModel> found =
        registry.searchRegisteredModels(
            SearchRegisteredModelsRequest.newBuilder()
                .setFilter("name LIKE '" + name + "%'")
                .build());
    assertEquals(renamed, found.next());
    assertFalse(found.hasNext());
    registry.deleteRegisteredModel(newName);
    TrackingException missing =
        assertThrows(TrackingException.class, () -> registry.getRegisteredModel(newName));
    assertEquals(Status.Code.NOT_FOUND, missing.code());
  }

  @Test
  void versionsAreCreatedChangedFoundAndDeleted() {
    registry.createRegisteredModel(name);
    ModelVersionTag tag = ModelVersionTag.newBuilder().setKey("a").setValue("1").build();
    ModelVersion first =
        registry.createModelVersion(
            CreateModelVersionRequest.newBuilder()
                .setName(name)
                .setSource(source)
                .addTags(tag)
                .build());
    assertEquals("1", first.getVersion());
    assertEquals(ModelVersionStatus.READY, first.getStatus());
    assertEquals(List.of(tag), first.getTagsList());
    assertEquals("2", registry.createModelVersion(name, "models:/" + name + "/1").getVersion());

    registry.setModelVersionTag(name, "1", "b", "2");
    registry.deleteModelVersionTag(name, "1", "a");
    ModelVersion changed = registry.updateModelVersion(name, "1", "the first");
    assertEquals("the first", changed.getDescription());
    assertEquals(
        List.of(ModelVersionTag.newBuilder().setKey("b").setValue("2").build()),
        registry.getModelVersion(name, "1").getTagsList());

    TransitionModelVersionStageRequest.Builder move =
        TransitionModelVersionStageRequest.newBuilder().setName(name).setStage("Staging");
    registry.transitionModelVersionStage(move.setVersion("1").build());
    registry.transitionModelVersionStage(
        move.setVersion("2").setArchiveExistingVersions(true).build());
    assertEquals("Archived", registry.getModelVersion(name, "1").getCurrentStage());
    List<ModelVersion> latest = registry.getLatestVersions(name);
    assertEquals("1", latest.get(0).getVersion());
    assertEquals("2", latest.get(1).getVersion());
    assertEquals(2, latest.size());
    assertEquals(List.of(latest.get(1)), registry.getLatestVersions(name, List.of("Staging")));

    registry.deleteModelVersion(name, "2");
    assertEquals("3", registry.createModelVersion(name, source).getVersion());
  }

  @Test
  void versionsAreFoundPageByPage() {
    registry.createRegisteredModel(name);
    for (int i = 0; i < 5; i++) {
      registry.createModelVersion(name, source);
    }
    List<String> numbers = new ArrayList<>();
    registry
        .searchModelVersions(
            SearchModelVersionsRequest.newBuilder()
                .setFilter("name = '" + name + "'")
                .addOrderBy("version_number DESC")
                .setMaxResults(2)
                .build())
        .forEachRemaining(version -> numbers.add(version.getVersion()));
    assertEquals(List.of("5", "4", "3", "2", "1"), numbers);
    assertTrue(registry.searchModelVersions("name = '" + name + "'").hasNext());
    assertFalse(registry.searchModelVersions("name = 'nothing'").hasNext());
  }

  @Test
  void anAliasLeadsToAVersionWhoseFilesAreDownloaded() throws IOException {
    registry.createRegisteredModel(name);
    registry.createModelVersion(name, source);
    registry.setRegisteredModelAlias(name, "champion", "1");
    assertEquals(
        List.of(RegisteredModelAlias.newBuilder().setAlias("champion").setVersion("1").build()),
        registry.getRegisteredModel(name).getAliasesList());
    ModelVersion version = registry.getModelVersionByAlias(name, "champion");
    assertTrue(registry.getModelVersionDownloadUri(name, "1").endsWith("/artifacts/best"));
    Path target = folder.resolve(name);
    List<Path> files = registry.downloadModelVersion(version, target);
    assertEquals(List.of(target.resolve("MLmodel")), files);
    assertEquals("flavors: {}", Files.readString(files.get(0)));
    registry.deleteRegisteredModelAlias(name, "champion");
    TrackingException missing =
        assertThrows(
            TrackingException.class, () -> registry.getModelVersionByAlias(name, "champion"));
    assertEquals("ALIAS_NOT_FOUND", missing.reason());
  }

  @Test
  void aSourceThatIsNotOnTheServerIsRefused() {
    registry.createRegisteredModel(name);
    TrackingException refusal =
        assertThrows(
            TrackingException.class, () -> registry.createModelVersion(name, "file:///etc/passwd"));
    assertEquals("SOURCE_INVALID", refusal.reason());
  }
}
