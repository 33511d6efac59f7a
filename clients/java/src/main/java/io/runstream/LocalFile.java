package io.runstream;

import io.grpc.Status;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.util.Map;

/** A file on this machine that is uploaded. */
final class LocalFile implements Upload.Source {
  private final Path path;
  private final long size;
  private final FileTime modified;

  LocalFile(Path path) throws IOException {
    this.path = path;
    BasicFileAttributes now = Files.readAttributes(path, BasicFileAttributes.class);
    if (!now.isRegularFile()) { // to open a named pipe might wait for ever
      throw TrackingException.invalid(
          "FILE_NOT_REGULAR",
          "local_path",
          path,
          "a regular file",
          path
              + (now.isDirectory() ? " is a folder" : " is a named pipe, a socket or a device")
              + ", and not a regular file");
    }
    size = now.size();
    modified = now.lastModifiedTime();
  }

  @Override
  public InputStream open() throws IOException {
    return Files.newInputStream(path);
  }

  @Override
  public long size() {
    return size;
  }

  @Override
  public void check() throws IOException {
    BasicFileAttributes now = Files.readAttributes(path, BasicFileAttributes.class);
    if (now.size() != size || !now.lastModifiedTime().equals(modified)) {
      throw new TrackingException(
          Status.Code.FAILED_PRECONDITION,
          path + " changed while it was uploaded",
          "FILE_CHANGED",
          Map.of("field", "file", "value", path.toString()));
    }
  }
}
