package io.runstream;

import com.google.protobuf.ByteString;
import io.grpc.Status;
import io.runstream.v1.ArtifactServiceGrpc;
import io.runstream.v1.ArtifactServiceGrpc.ArtifactServiceBlockingStub;
import io.runstream.v1.FileInfo;
import io.runstream.v1.GetArtifactRequest;
import io.runstream.v1.GetUploadRequest;
import io.runstream.v1.UploadStart;
import java.io.IOException;
import java.io.InputStream;
import java.security.MessageDigest;

/**
 * The upload of one file, in pieces, whatever breaks on the way: one that breaks off goes on where
 * it stopped, and the server checks the SHA-256 of the whole.
 */
final class Upload {
  /** What is uploaded; opened again when an upload goes on. */
  interface Source {
    InputStream open() throws IOException;

    /** Returns how many bytes it has. */
    long size();

    /** Throws an exception if the content changed since it was opened first. */
    void check() throws IOException;
  }

  private static final int CHUNK_BYTES = 1024 * 1024;

  private final Calls calls;
  private final ArtifactServiceBlockingStub stub;
  private final String runId;
  private final String path;
  private final Source source;
  private final String uploadId = Requests.newId();
  private String sha256 = ""; // of the whole file, once it was sent to its end

  Upload(Calls calls, ArtifactServiceBlockingStub stub, String runId, String path, Source source) {
    this.calls = calls;
    this.stub = stub;
    this.runId = runId;
    this.path = path;
    this.source = source;
  }

  /** Uploads the file, and returns what the server has then. */
  FileInfo run() throws IOException {
    Attempts attempts = new Attempts(calls.deadline);
    long offset = 0;
    boolean isKnown = false;
    while (true) {
      try {
        return attempt(offset);
      } catch (TrackingException error) {
        if (!isKnown && calls.deliverStart(error, calls.newDeadline())) {
          isKnown = true;
          continue;
        }
        if (!isResumable(error)) {
          throw error;
        }
        FileInfo stored = findStored();
        if (stored != null) {
          return stored;
        }
        offset = serverOffset();
        attempts.awaitNext(offset, error);
      }
    }
  }

  private FileInfo attempt(long offset) throws IOException {
    UploadStream stream =
        new UploadStream(
            ArtifactServiceGrpc.newStub(calls.channel).withWaitForReady(), calls.deadline);
    boolean isDone = false;
    try (InputStream content = source.open()) {
      stream.start(
          UploadStart.newBuilder()
              .setRunId(runId)
              .setPath(path)
              .setUploadId(uploadId)
              .setOffset(offset)
              .setSize(source.size())
              .build());
      MessageDigest digest = Sha256.newDigest();
      send(content, offset, digest, stream);
      source.check();
      sha256 = Sha256.toHex(digest);
      FileInfo stored = stream.end(sha256);
      isDone = true;
      return stored;
    } finally {
      if (!isDone) {
        stream.cancel();
      }
    }
  }

  private static void send(
      InputStream content, long offset, MessageDigest digest, UploadStream stream)
      throws IOException {
    byte[] chunk = new byte[CHUNK_BYTES];
    long position = 0;
    while (true) {
      // One chunk ends where the server has to go on.
      int maxBytes =
          (int) (position < offset ? Math.min(CHUNK_BYTES, offset - position) : CHUNK_BYTES);
      int size = content.readNBytes(chunk, 0, maxBytes);
      if (size == 0) {
        return;
      }
      digest.update(chunk, 0, size);
      position += size;
      if (position > offset) {
        stream.chunk(ByteString.copyFrom(chunk, 0, size));
      }
    }
  }

  private static boolean isResumable(TrackingException error) {
    return error.mayWorkLater() || error.reason().equals("UPLOAD_OFFSET");
  }

  /** Returns the stored file if it is this one: then only the answer of the upload was lost. */
  private FileInfo findStored() {
    if (sha256.isEmpty()) {
      return null;
    }
    GetArtifactRequest request =
        GetArtifactRequest.newBuilder().setRunId(runId).setPath(path).build();
    try {
      FileInfo stored = calls.call(stub, service -> service.getArtifact(request)).getFile();
      return stored.getSha256().equals(sha256) ? stored : null;
    } catch (TrackingException error) {
      if (error.code() == Status.Code.NOT_FOUND) {
        return null;
      }
      throw error;
    }
  }

  private long serverOffset() {
    GetUploadRequest request =
        GetUploadRequest.newBuilder().setRunId(runId).setPath(path).setUploadId(uploadId).build();
    return calls.call(stub, service -> service.getUpload(request)).getOffset();
  }
}
