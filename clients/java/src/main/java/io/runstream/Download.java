package io.runstream;

import com.google.protobuf.ByteString;
import io.grpc.Status;
import io.runstream.v1.ArtifactServiceGrpc.ArtifactServiceStub;
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
 * is checked by its size and its SHA-256.
 */
final class Download {
  private final Calls calls;
  private final ArtifactServiceStub stub;
  private final String runId;
  private final String path;
  private final long maxBytes;
  private final MessageDigest digest = Sha256.newDigest();
  private FileInfo file; // as the server describes it
  private long position;

  /**
   * Prepares a download.
   *
   * @param maxBytes bytes that the file may have
   */
  Download(Calls calls, ArtifactServiceStub stub, String runId, String path, long maxBytes) {
    this.calls = calls;
    this.stub = stub;
    this.runId = runId;
    this.path = path;
    this.maxBytes = maxBytes;
  }

  /** Writes the file to a path, where it appears when it is complete and checked. */
  void writeTo(Path destination) throws IOException {
    Path folder = destination.toAbsolutePath().getParent();
    Files.createDirectories(folder);
    Path partFile = folder.resolve(UUID.randomUUID() + ".part");
    try {
      try (OutputStream out = Files.newOutputStream(partFile, StandardOpenOption.CREATE_NEW)) {
        writeTo(out);
      }
      Files.move(partFile, destination, StandardCopyOption.REPLACE_EXISTING);
    } finally {
      Files.deleteIfExists(partFile);
    }
  }

  /** Writes the file to a stream. If this throws, the caller discards what was written. */
  void writeTo(OutputStream out) throws IOException {
    Attempts attempts = new Attempts(calls.deadline);
    while (!read(out, attempts)) {}
    if (file == null
        || position != file.getFileSize()
        || !Sha256.toHex(digest).equals(file.getSha256())) {
      throw corruptError();
    }
  }

  /** Reads until the end or a break of the call; returns whether that is the end of the file. */
  private boolean read(OutputStream out, Attempts attempts) throws IOException {
    DownloadArtifactRequest request =
        DownloadArtifactRequest.newBuilder()
            .setRunId(runId)
            .setPath(path)
            .setOffset(position)
            .build();
    try (ServerStream<DownloadArtifactRequest, DownloadArtifactResponse> answers =
        new ServerStream<>(calls)) {
      stub.downloadArtifact(request, answers);
      boolean first = true;
      DownloadArtifactResponse answer;
      while ((answer = answers.next(calls.deadline)) != null) {
        if (first) {
          checkStart(answer);
        } else if (answer.getChunk().isEmpty()) {
          throw corruptError(); // such answers might have no end
        }
        append(answer.getChunk(), out);
        first = false;
      }
      return true;
    } catch (TrackingException error) {
      if (!error.mayWorkLater() || calls.isClosed()) {
        throw error;
      }
      attempts.awaitNext(position, error);
      return false;
    }
  }

  /** Checks and keeps what the server says of the file. */
  private void checkStart(DownloadArtifactResponse answer) {
    if (!answer.hasFile()) {
      throw corruptError();
    }
    if (file != null && !file.getSha256().equals(answer.getFile().getSha256())) {
      throw artifactError(
          Status.Code.FAILED_PRECONDITION,
          "ARTIFACT_REPLACED",
          "the artifact " + path + " was replaced while it was downloaded");
    }
    file = answer.getFile();
    if (file.getFileSize() > maxBytes) {
      throw artifactError(
          Status.Code.FAILED_PRECONDITION,
          "ARTIFACT_TOO_LARGE",
          path + " has " + file.getFileSize() + " bytes, the limit is " + maxBytes);
    }
  }

  private void append(ByteString chunk, OutputStream out) throws IOException {
    if (chunk.size() > file.getFileSize() - position) {
      throw corruptError(); // before any byte beyond the end is written
    }
    chunk.writeTo(out);
    chunk.asReadOnlyByteBufferList().forEach(digest::update);
    position += chunk.size();
  }

  private TrackingException corruptError() {
    return artifactError(
        Status.Code.INTERNAL,
        "ARTIFACT_CORRUPT",
        "what came of " + path + " is not what the server has of it");
  }

  private TrackingException artifactError(Status.Code code, String reason, String message) {
    return new TrackingException(code, message, reason, Map.of("field", "path", "value", path));
  }
}
