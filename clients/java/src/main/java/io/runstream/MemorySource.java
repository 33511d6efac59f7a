package io.runstream;

import java.io.ByteArrayInputStream;
import java.io.InputStream;

/** Bytes in memory that are uploaded. */
final class MemorySource implements Upload.Source {
  private final byte[] bytes;

  MemorySource(byte[] bytes) {
    this.bytes = bytes;
  }

  @Override
  public InputStream open() {
    return new ByteArrayInputStream(bytes);
  }

  @Override
  public long size() {
    return bytes.length;
  }

  @Override
  public void check() {
    // Only the caller could change the bytes.
  }
}
