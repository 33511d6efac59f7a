package io.runstream;

import com.google.protobuf.Any;
import com.google.rpc.ErrorInfo;
import io.grpc.CallOptions;
import io.grpc.ClientCall;
import io.grpc.ConnectivityState;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import java.util.concurrent.TimeUnit;

/** The channel of a client that is offline: every call is answered by an error. */
final class OfflineChannel extends ManagedChannel {
  private static final String REASON = "OFFLINE";

  private final StatusRuntimeException error;
  private final String name;
  private volatile boolean isShutdown;

  /** Answers calls by an error that names the folder of the spool. */
  OfflineChannel(Object folder) {
    name = "offline:" + folder;
    com.google.rpc.Status status =
        com.google.rpc.Status.newBuilder()
            .setCode(Status.Code.UNAVAILABLE.value())
            .setMessage(
                "this program is offline: what it logs is in "
                    + folder
                    + ", and nothing can be read before runstream sync has sent it")
            .addDetails(
                Any.pack(
                    ErrorInfo.newBuilder().setDomain("runstream.io").setReason(REASON).build()))
            .build();
    error = StatusProto.toStatusRuntimeException(status);
  }

  @Override
  public <Q, A> ClientCall<Q, A> newCall(MethodDescriptor<Q, A> method, CallOptions options) {
    return new ClientCall<>() {
      @Override
      public void start(Listener<A> listener, Metadata headers) {
        listener.onClose(error.getStatus(), error.getTrailers());
      }

      @Override
      public void request(int messages) {
        // There will be none.
      }

      @Override
      public void cancel(String message, Throwable cause) {
        // It has ended.
      }

      @Override
      public void halfClose() {
        // Nobody reads it.
      }

      @Override
      public void sendMessage(Q message) {
        // Nobody reads it.
      }
    };
  }

  @Override
  public ConnectivityState getState(boolean connect) {
    return ConnectivityState.READY; // so that no call waits for a connection
  }

  @Override
  public String authority() {
    return name;
  }

  @Override
  public ManagedChannel shutdown() {
    isShutdown = true;
    return this;
  }

  @Override
  public ManagedChannel shutdownNow() {
    return shutdown();
  }

  @Override
  public boolean isShutdown() {
    return isShutdown;
  }

  @Override
  public boolean isTerminated() {
    return isShutdown;
  }

  @Override
  public boolean awaitTermination(long timeout, TimeUnit unit) {
    return isShutdown;
  }
}
