package io.runstream;

import io.runstream.v1.CreateRunRequest;
import io.runstream.v1.RunTag;
import java.util.LinkedHashMap;
import java.util.Map;

/** The tags that say where a run comes from (R4). */
final class SourceTags {
  private SourceTags() {}

  /** Adds to a request those of the tags that it does not have. */
  static CreateRunRequest describe(CreateRunRequest request) {
    Map<String, String> tags = new LinkedHashMap<>();
    tags.put("mlflow.user", System.getProperty("user.name", ""));
    tags.put("mlflow.source.type", "LOCAL");
    // The class or jar that the JVM runs, in front of its arguments.
    tags.put("mlflow.source.name", System.getProperty("sun.java.command", "").split(" ", 2)[0]);
    request.getTagsList().forEach(tag -> tags.remove(tag.getKey()));
    CreateRunRequest.Builder described = request.toBuilder();
    tags.forEach(
        (key, value) -> {
          if (!value.isEmpty()) {
            described.addTags(RunTag.newBuilder().setKey(key).setValue(value));
          }
        });
    return described.build();
  }
}
