package io.runstream;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.rpc.ErrorInfo;
import com.google.rpc.RequestInfo;
import com.google.rpc.RetryInfo;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import io.runstream.v1.BatchError;
import java.io.IOException;
import java.time.Duration;
import java.util.Map;

/**
 * What went wrong with a call, or with something that was logged before.
 *
 * <p>The code is the kind of the error, the reason its name, and the metadata its particulars:
 * {@code field}, {@code value}, {@code limit} and others, as the server's {@code
 * google.rpc.ErrorInfo} gives them.
 */
public class TrackingException extends RuntimeException {
  /** Reason of the error of a thread that was interrupted while it waited. */
  static final String INTERRUPTED = "INTERRUPTED";

  private static final long serialVersionUID = 1L;
  private static final int METADATA_CHARACTERS = 200;
  private static final long MAX_DURATION_SECONDS = 315_576_000_000L; // of google.protobuf.Duration

  /** The kind of the error. */
  private final Status.Code code;

  /** What is wrong, for programs. */
  private final String reason;

  private final transient Map<String, String> metadata;

  /** How long the server told to wait. */
  private final Duration retryDelay;

  TrackingException(Status.Code code, String message, String reason, Map<String, String> metadata) {
    this(code, message, reason, metadata, Duration.ZERO);
  }

  private TrackingException(
      Status.Code code,
      String message,
      String reason,
      Map<String, String> metadata,
      Duration retryDelay) {
    super(message);
    this.code = code;
    this.reason = reason;
    this.retryDelay = retryDelay;
    this.metadata = Map.copyOf(metadata);
  }

  static TrackingException of(StatusRuntimeException error) {
    if (error.getStatus().getCause() instanceof InterruptedException) {
      return interrupted(); // and gRPC has set the flag of the thread again
    }
    ErrorInfo info = ErrorInfo.getDefaultInstance();
    String requestId = "";
    Duration retryDelay = Duration.ZERO;
    com.google.rpc.Status status = StatusProto.fromThrowable(error);
    if (status != null) {
      for (Any detail : status.getDetailsList()) {
        try {
          if (detail.is(ErrorInfo.class)) {
            info = detail.unpack(ErrorInfo.class);
          } else if (detail.is(RequestInfo.class)) {
            requestId = detail.unpack(RequestInfo.class).getRequestId();
          } else if (detail.is(RetryInfo.class)) {
            retryDelay = toDelay(detail.unpack(RetryInfo.class).getRetryDelay());
          }
        } catch (InvalidProtocolBufferException malformed) {
          error.addSuppressed(malformed);
        }
      }
    }
    Status.Code code = codeOf(error.getStatus());
    String description = error.getStatus().getDescription();
    TrackingException exception =
        new TrackingException(
            code,
            withRequest(description == null ? code.toString() : description, code, requestId),
            info.getReason(),
            info.getMetadataMap(),
            retryDelay);
    exception.initCause(error);
    return exception;
  }

  private static Duration toDelay(com.google.protobuf.Duration told) {
    long seconds = Math.min(told.getSeconds(), MAX_DURATION_SECONDS);
    Duration delay = Duration.ofSeconds(Math.max(seconds, 0), told.getNanos());
    return delay.isNegative() ? Duration.ZERO : delay;
  }

  private static Status.Code codeOf(Status status) {
    boolean isClosed = // gRPC says UNKNOWN if the connection closes just as the call is written
        status.getCode() == Status.Code.UNKNOWN && status.getCause() instanceof IOException;
    return isClosed ? Status.Code.UNAVAILABLE : status.getCode();
  }

  /** Returns the error that ended a stream. */
  static TrackingException ofStream(Throwable error) {
    return error instanceof StatusRuntimeException
        ? of((StatusRuntimeException) error)
        : unavailable(error.toString(), error);
  }

  /** Returns a message with the id under which a fault of the server stands in its log. */
  private static String withRequest(String message, Status.Code code, String requestId) {
    return code == Status.Code.INTERNAL && !requestId.isEmpty()
        ? message + " (request " + requestId + ")"
        : message;
  }

  static TrackingException of(BatchError error) {
    Status.Code code = Status.fromCodeValue(error.getCode()).getCode();
    return new TrackingException(
        code,
        withRequest(error.getMessage(), code, error.getRequestId()),
        error.getReason(),
        error.getMetadataMap());
  }

  /** Returns the same error for another caller. */
  TrackingException copy() {
    return copy(getMessage());
  }

  /** Returns the same error with a message that says more. */
  TrackingException copy(String message) {
    TrackingException copy = new TrackingException(code, message, reason, metadata(), retryDelay);
    copy.initCause(this);
    return copy;
  }

  static TrackingException invalid(
      String reason, String field, Object value, Object limit, String message) {
    return new TrackingException(
        Status.Code.INVALID_ARGUMENT,
        message,
        reason,
        Map.of("field", field, "value", shorten(value), "limit", String.valueOf(limit)));
  }

  static TrackingException internal(String reason, String message, Throwable cause) {
    TrackingException exception =
        new TrackingException(Status.Code.INTERNAL, message, reason, Map.of());
    exception.initCause(cause);
    return exception;
  }

  static TrackingException deadlineExceeded(String message, Throwable cause) {
    TrackingException exception =
        new TrackingException(Status.Code.DEADLINE_EXCEEDED, message, "", Map.of());
    exception.initCause(cause);
    return exception;
  }

  /** Returns the error of a server whose answer breaks the contract. */
  static TrackingException malformed(String message) {
    return new TrackingException(Status.Code.INTERNAL, message, "ANSWER_MALFORMED", Map.of());
  }

  static TrackingException unavailable(String message, Throwable cause) {
    TrackingException exception =
        new TrackingException(Status.Code.UNAVAILABLE, message, "", Map.of());
    exception.initCause(cause);
    return exception;
  }

  static TrackingException interrupted() {
    return new TrackingException(
        Status.Code.CANCELLED, "the thread was interrupted", INTERRUPTED, Map.of());
  }

  /** Returns whether the server answered that it will not do it, now or later. */
  boolean isPermanent() {
    return code == Status.Code.INVALID_ARGUMENT
        || code == Status.Code.NOT_FOUND
        || code == Status.Code.FAILED_PRECONDITION;
  }

  /** Returns whether the same call may work later, without anybody changing something. */
  boolean mayWorkLater() {
    return code == Status.Code.UNAVAILABLE || !retryDelay.isZero();
  }

  boolean isInterrupt() {
    return reason.equals(INTERRUPTED);
  }

  /**
   * Returns the kind of the error.
   *
   * @return the status code of gRPC
   */
  public Status.Code code() {
    return code;
  }

  /**
   * Returns what is wrong, for programs.
   *
   * @return the reason in UPPER_SNAKE_CASE, such as {@code PARAM_IMMUTABLE}; empty if there is none
   */
  public String reason() {
    return reason;
  }

  /**
   * Returns the field that is wrong.
   *
   * @return its name, such as {@code params.lr}; empty if there is none
   */
  public String field() {
    return metadata().getOrDefault("field", "");
  }

  /**
   * Returns the particulars.
   *
   * @return the particulars by name; empty after serialization
   */
  public Map<String, String> metadata() {
    return metadata == null ? Map.of() : metadata;
  }

  /**
   * Returns how long to wait before the same call may work, such as after {@code CALLER_LIMIT}.
   *
   * @return what the server told; zero if it told nothing
   */
  public Duration retryDelay() {
    return retryDelay;
  }

  /** Returns a value as the metadata can hold it. */
  static String shorten(Object value) {
    String text = String.valueOf(value);
    int length = text.codePointCount(0, text.length());
    return length <= METADATA_CHARACTERS
        ? text
        : text.substring(0, text.offsetByCodePoints(0, METADATA_CHARACTERS))
            + "… ("
            + length
            + " characters)";
  }
}
