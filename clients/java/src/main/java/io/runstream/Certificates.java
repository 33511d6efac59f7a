package io.runstream;

import io.grpc.ChannelCredentials;
import io.grpc.TlsChannelCredentials;
import java.io.File;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;

/**
 * The certificates of a connection over TLS: those of the builder, or in files that the environment
 * variables RUNSTREAM_CA, RUNSTREAM_CLIENT_CERT and RUNSTREAM_CLIENT_KEY name.
 */
final class Certificates {
  private File trusted; // null for those that the JVM trusts
  private File chain; // null, if the client shows none
  private File key;

  Certificates(Map<String, String> environment) {
    trusted = file(environment, "RUNSTREAM_CA");
    chain = file(environment, "RUNSTREAM_CLIENT_CERT");
    key = file(environment, "RUNSTREAM_CLIENT_KEY");
  }

  void trust(Path pem) {
    trusted = pem.toFile();
  }

  void show(Path chainPem, Path keyPem) {
    chain = chainPem.toFile();
    key = keyPem.toFile();
  }

  /** Returns credentials that have what the files have now. */
  ChannelCredentials credentials() throws IOException {
    if ((chain == null) != (key == null)) {
      throw new IOException(
          "RUNSTREAM_CLIENT_CERT and RUNSTREAM_CLIENT_KEY are given together, or neither of them");
    }
    TlsChannelCredentials.Builder tls = TlsChannelCredentials.newBuilder();
    if (trusted != null) {
      tls.trustManager(trusted);
    }
    if (chain != null) {
      tls.keyManager(chain, key);
    }
    return tls.build();
  }

  private static File file(Map<String, String> environment, String variable) {
    String path = environment.getOrDefault(variable, "");
    return path.isEmpty() ? null : new File(path);
  }
}
