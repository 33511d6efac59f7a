package io.runstream;

import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Message;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptor;
import io.grpc.ForwardingClientCall.SimpleForwardingClientCall;
import io.grpc.MethodDescriptor;
import io.runstream.v1.WriteId;
import java.util.List;
import java.util.UUID;

/**
 * Prepares every request before it is sent. Text that is not Unicode is refused, because protobuf
 * would send "?" in its place. A write without an id gets one, which its repetitions share (P3).
 */
final class Requests implements ClientInterceptor {
  /** The option of a call by which its repetitions share the id of a write. */
  static final CallOptions.Key<WriteId> WRITE_ID = CallOptions.Key.create("write id");

  private static final String WRITE = "write";

  @Override
  public <Q, A> ClientCall<Q, A> interceptCall(
      MethodDescriptor<Q, A> method, CallOptions options, Channel next) {
    LastRefusal attempts = options.getOption(LastRefusal.OPTION);
    CallOptions observed = attempts == null ? options : options.withStreamTracerFactory(attempts);
    return new SimpleForwardingClientCall<>(next.newCall(method, observed)) {
      @Override
      public void sendMessage(Q request) {
        checkMessage((Message) request);
        @SuppressWarnings("unchecked") // the class stays the same
        Q withWriteId = (Q) withWriteId((Message) request, options.getOption(WRITE_ID));
        super.sendMessage(withWriteId);
      }
    };
  }

  /** Returns a random id: 32 lower-case hexadecimal digits, as the contract requires. */
  static String newId() {
    return UUID.randomUUID().toString().replace("-", "");
  }

  /** Returns the id of a write that is the only one of its writer. */
  static WriteId newWrite() {
    return WriteId.newBuilder().setWriter(newId()).setSequence(1).build();
  }

  private static Message withWriteId(Message request, WriteId id) {
    FieldDescriptor write = request.getDescriptorForType().findFieldByName(WRITE);
    return write == null || request.hasField(write)
        ? request
        : request.toBuilder().setField(write, id == null ? newWrite() : id).build();
  }

  /** Checks that all texts of a message can be sent. */
  static void checkMessage(Message message) {
    message
        .getAllFields()
        .forEach(
            (field, value) -> {
              if (field.isRepeated()) {
                ((List<?>) value).forEach(one -> checkField(field, one));
              } else {
                checkField(field, value);
              }
            });
  }

  private static void checkField(FieldDescriptor field, Object value) {
    switch (field.getJavaType()) {
      case STRING:
        Rules.checkUnicode(field.getName(), (String) value);
        break;
      case MESSAGE:
        checkMessage((Message) value);
        break;
      default: // numbers and bytes
    }
  }
}
