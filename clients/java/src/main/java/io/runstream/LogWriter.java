package io.runstream;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Set;

/**
 * Appends frames to the files of a log, as the one writer that it has: its process has the {@code
 * writer.lock} of the folder. One thread at a time may use it, which nobody interrupts.
 *
 * <p>A frame that was appended survives the process, however it ends; what {@link #sync} returned
 * after survives the machine.
 */
final class LogWriter implements AutoCloseable {
  private final Path folder;
  private final boolean isSynced;
  private Place end;
  private FileChannel file; // null, if none is begun
  private Path path;

  /**
   * Writes to a folder, which is made if it is not there, behind the files that it has.
   *
   * @param isSynced whether {@link #sync} will be called, so that no file may be left unsynced
   */
  LogWriter(Path folder, boolean isSynced) throws IOException {
    LogFiles.makeFolder(folder);
    this.folder = folder;
    this.isSynced = isSynced;
    List<Long> files = LogFiles.list(folder);
    end = files.isEmpty() ? Place.START : new Place(files.get(files.size() - 1) + 1, 0);
  }

  /** Returns where the next frame is appended. */
  Place end() {
    return end;
  }

  /**
   * Appends a frame by one write. If that fails, the file is as it was before, and the next call
   * tries again.
   *
   * @return the place behind it
   * @throws IOException if it cannot be written, or somebody has removed the folder
   */
  Place append(byte[] payload) throws IOException {
    ByteBuffer[] frame = {Frames.makeHeader(payload), ByteBuffer.wrap(payload)};
    long length = (long) Frames.HEADER_BYTES + payload.length;
    if (file == null || end.offset >= LogFiles.FILE_BYTES) {
      beginFile();
    }
    try {
      if (file.write(frame) < length) {
        throw new IOException("no space left for " + path);
      }
      if (!Files.exists(path)) {
        throw new NoSuchFileException(path.toString());
      }
    } catch (IOException error) {
      cut();
      throw error;
    }
    end = new Place(end.file, end.offset + length);
    return end;
  }

  /** Lets what was appended survive a crash of the machine. */
  void sync() throws IOException {
    if (file != null) {
      file.force(false);
    }
  }

  @Override
  public void close() throws IOException {
    if (file != null) {
      FileChannel closed = file;
      file = null;
      closed.close();
    }
  }

  private void beginFile() throws IOException {
    if (file != null) {
      if (isSynced) {
        sync();
      }
      close();
      end = new Place(end.file + 1, 0);
    }
    path = LogFiles.path(folder, end.file);
    file = LogFiles.open(path, Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE));
    if (isSynced) {
      LogFiles.syncFolder(folder);
    }
  }

  /** Removes what a write has left of its frame. */
  private void cut() {
    try {
      file.truncate(end.offset); // which sets the position, too
    } catch (IOException error) {
      // Readers pass over the rest of a file once there is another one behind it.
      try {
        close();
      } catch (IOException ignored) {
        // the error of the write says enough
      }
      end = new Place(end.file + 1, 0);
    }
  }
}
