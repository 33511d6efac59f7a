package io.runstream;

import com.google.protobuf.ByteString;
import io.grpc.Status;
import io.runstream.v1.ArtifactServiceGrpc.ArtifactServiceBlockingStub;
import io.runstream.v1.DownloadArtifactRequest;
import io.runstream.v1.DownloadArtifactResponse;
import io.runstream.v1.FileInfo;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.util.Map;
import java.util.UUID;

/**
 * The download of one file, in pieces: one that breaks off goes on where it stopped, and what came
 * is checked by its SHA-256.
 */
final class Download {
  private final Calls calls;
  private final ArtifactServiceBlockingStub stub;
  private final String runId;
  private final String path;
  private final MessageDigest digest = Sha256.begin();
  private FileInfo file; // what the server said of it
  private long position;

  Download(Calls calls, ArtifactServiceBlockingStub stub, String runId, String path) {
    this.calls = calls;
    this.stub = stub;
    this.runId = runId;
    this.path = path;
  }

  /** Writes it to a path, where it appears when it is whole and right. */
  void to(Path destination) throws IOException {
    Path folder = destination.toAbsolutePath().getParent();
    Files.createDirectories(folder);
    Path draft = folder.resolve(UUID.randomUUID() + ".part");
    try {
      try (OutputStream out = Files.newOutputStream(draft, StandardOpenOption.CREATE_NEW)) {
        to(out);
      }
      Files.move(draft, destination, StandardCopyOption.REPLACE_EXISTING);
    } finally {
      Files.deleteIfExists(draft);
    }
  }

  /** Writes it to a stream. If this throws, what was written is to be thrown away. */
  void to(OutputStream out) throws IOException {
    Attempts attempts = new Attempts();
    while (!read(out, attempts)) {}
    if (file == null
        || position != file.getFileSize()
        || !Sha256.end(digest).equals(file.getSha256())) {
      throw wrong(
          Status.Code.INTERNAL,
          "ARTIFACT_CORRUPT",
          "what came of " + path + " is not what the server has of it");
    }
  }

  /** Reads as far as it goes; returns whether that is the end. */
  private boolean read(OutputStream out, Attempts attempts) throws IOException {
    DownloadArtifactRequest request =
        DownloadArtifactRequest.newBuilder()
            .setRunId(runId)
            .setPath(path)
            .setOffset(position)
            .build();
    try (Answers<DownloadArtifactResponse> answers =
        calls.stream(stub, to -> to.downloadArtifact(request))) {
      while (answers.hasNext()) {
        take(answers.next(), out);
      }
      return true;
    } catch (TrackingException error) {
      if (error.code() != Status.Code.UNAVAILABLE) {
        throw error;
      }
      attempts.next(position, error);
      return false;
    }
  }

  private void take(DownloadArtifactResponse answer, OutputStream out) throws IOException {
    if (answer.hasFile()) {
      if (file != null && !file.getSha256().equals(answer.getFile().getSha256())) {
        throw wrong(
            Status.Code.FAILED_PRECONDITION,
            "ARTIFACT_REPLACED",
            "the artifact " + path + " was replaced while it was downloaded");
      }
      file = answer.getFile();
    }
    ByteString chunk = answer.getChunk();
    chunk.writeTo(out);
    chunk.asReadOnlyByteBufferList().forEach(digest::update);
    position += chunk.size();
  }

  private TrackingException wrong(Status.Code code, String reason, String message) {
    return new TrackingException(code, message, reason, Map.of("field", "path", "value", path));
  }
}
