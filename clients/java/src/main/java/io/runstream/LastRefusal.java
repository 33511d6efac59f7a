package io.runstream;

import io.grpc.CallOptions;
import io.grpc.ClientStreamTracer;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;

/**
 * What a server answered to the last attempt of a call that gRPC repeats, until there was no time
 * for more. gRPC itself then tells the deadline alone.
 */
final class LastRefusal extends ClientStreamTracer.Factory {
  /** The option of a call by which {@link Requests} lets its attempts be observed. */
  static final CallOptions.Key<LastRefusal> OPTION = CallOptions.Key.create("last refusal");

  private volatile StatusRuntimeException error;

  /** Returns the answer; null if no server answered that it is unavailable. */
  StatusRuntimeException error() {
    return error;
  }

  @Override
  public ClientStreamTracer newClientStreamTracer(
      ClientStreamTracer.StreamInfo attempt, Metadata headers) {
    return new ClientStreamTracer() {
      private Metadata trailers; // none, if no server answered

      @Override
      public void inboundTrailers(Metadata received) {
        trailers = received;
      }

      @Override
      public void streamClosed(Status status) {
        if (trailers != null && status.getCode() == Status.Code.UNAVAILABLE) {
          error = status.asRuntimeException(trailers);
        }
      }
    };
  }
}
