package io.runstream;

import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptor;
import io.grpc.ForwardingClientCall.SimpleForwardingClientCall;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * The token by which a client says who calls: that of its builder, or of the environment variable
 * RUNSTREAM_TOKEN, or in the file of RUNSTREAM_TOKEN_FILE.
 *
 * <p>The file is read anew for each call, so that a program goes on with a new token when the old
 * one has expired. No message has the text of a token.
 */
final class Token implements ClientInterceptor {
  private static final String VARIABLE = "RUNSTREAM_TOKEN";
  private static final String FILE_VARIABLE = "RUNSTREAM_TOKEN_FILE";
  private static final Metadata.Key<String> AUTHORIZATION =
      Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);
  private static final Pattern TOKEN = Pattern.compile("[\\x21-\\x7e]{1,16384}");

  private final String header; // null, if the token is in a file
  private final Path file;

  private Token(String header, Path file) {
    this.header = header;
    this.file = file;
  }

  /**
   * Returns the token of a client; null if it has none.
   *
   * @param given that of its builder; null for that of the environment
   * @throws TrackingException if it has characters that no token has
   */
  static Token find(String given, Map<String, String> environment) {
    if (given != null) {
      return new Token(header("token", given), null);
    }
    String token = environment.getOrDefault(VARIABLE, "");
    if (!token.isEmpty()) {
      return new Token(header(VARIABLE, token), null);
    }
    String path = environment.getOrDefault(FILE_VARIABLE, "");
    return path.isEmpty() ? null : new Token(null, Path.of(path));
  }

  @Override
  public <Q, A> ClientCall<Q, A> interceptCall(
      MethodDescriptor<Q, A> method, CallOptions options, Channel next) {
    String value = header == null ? read() : header;
    return new SimpleForwardingClientCall<>(next.newCall(method, options)) {
      @Override
      public void start(Listener<A> listener, Metadata headers) {
        headers.put(AUTHORIZATION, value);
        super.start(listener, headers);
      }
    };
  }

  private String read() {
    try {
      return header(FILE_VARIABLE, Files.readString(file));
    } catch (IOException error) {
      throw TrackingException.invalid(
          "TOKEN_UNREADABLE",
          FILE_VARIABLE,
          file,
          "a file that can be read",
          "the file of " + FILE_VARIABLE + " cannot be read: " + error);
    }
  }

  private static String header(String field, String token) {
    String text = token.strip();
    if (!TOKEN.matcher(text).matches()) {
      throw TrackingException.invalid(
          "TOKEN_MALFORMED",
          field,
          "",
          "a token",
          "the token of " + field + " is empty or has characters that no token has");
    }
    return "Bearer " + text;
  }
}
