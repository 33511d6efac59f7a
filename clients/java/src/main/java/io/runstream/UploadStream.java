package io.runstream;

import com.google.protobuf.ByteString;
import io.grpc.stub.ClientCallStreamObserver;
import io.grpc.stub.ClientResponseObserver;
import io.runstream.v1.ArtifactServiceGrpc.ArtifactServiceStub;
import io.runstream.v1.FileInfo;
import io.runstream.v1.UploadArtifactRequest;
import io.runstream.v1.UploadArtifactResponse;
import io.runstream.v1.UploadEnd;
import io.runstream.v1.UploadStart;
import java.time.Duration;

/** One UploadArtifact stream, sent by the thread that calls, as fast as the server takes it. */
final class UploadStream
    implements ClientResponseObserver<UploadArtifactRequest, UploadArtifactResponse> {
  // The server may have to copy all of a file before it says that it has it.
  private static final int STORING_FACTOR = 10;

  private final Duration timeout;
  private ClientCallStreamObserver<UploadArtifactRequest> requests;
  // The following are covered by the monitor.
  private FileInfo stored;
  private TrackingException error;
  private boolean isEnded;

  /**
   * Opens a stream.
   *
   * @param timeout after which a server that takes nothing more is given up
   */
  UploadStream(ArtifactServiceStub stub, Duration timeout) {
    this.timeout = timeout;
    stub.uploadArtifact(this);
  }

  void start(UploadStart start) {
    send(UploadArtifactRequest.newBuilder().setStart(start).build());
  }

  void chunk(ByteString bytes) {
    send(UploadArtifactRequest.newBuilder().setChunk(bytes).build());
  }

  /** Says that all was sent, and waits until the file is on disk: ten times the timeout. */
  FileInfo end(String sha256) {
    UploadEnd end = UploadEnd.newBuilder().setSha256(sha256).build();
    send(UploadArtifactRequest.newBuilder().setEnd(end).build());
    requests.onCompleted();
    Duration limit = timeout.multipliedBy(STORING_FACTOR);
    long deadline = System.nanoTime() + limit.toNanos();
    synchronized (this) {
      while (!isEnded) {
        await(deadline - System.nanoTime(), "the server did not store the file within " + limit);
      }
      if (error != null) {
        throw error;
      }
      return stored;
    }
  }

  /** Ends the stream before its end, so that the server stores nothing. */
  void cancel() {
    requests.cancel("the upload was given up", null);
  }

  @Override
  public void beforeStart(ClientCallStreamObserver<UploadArtifactRequest> observer) {
    requests = observer;
    observer.setOnReadyHandler(this::wake);
  }

  @Override
  public synchronized void onNext(UploadArtifactResponse answer) {
    stored = answer.getFile();
  }

  @Override
  public synchronized void onError(Throwable cause) {
    error = TrackingException.ofStream(cause);
    isEnded = true;
    notifyAll();
  }

  @Override
  public synchronized void onCompleted() {
    isEnded = true;
    notifyAll();
  }

  private void send(UploadArtifactRequest request) {
    awaitRoom();
    requests.onNext(request);
  }

  private synchronized void awaitRoom() {
    long deadline = System.nanoTime() + timeout.toNanos();
    while (!isEnded && !requests.isReady()) {
      await(deadline - System.nanoTime(), "the server took nothing for " + timeout);
    }
    if (error != null) {
      throw error;
    }
  }

  private synchronized void wake() {
    notifyAll();
  }

  private void await(long nanos, String timeoutMessage) {
    if (nanos <= 0) {
      throw TrackingException.unavailable(timeoutMessage, null);
    }
    Interrupts.await(this, nanos);
  }
}
