package io.runstream;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * A folder in a spool that this process writes to, for one client, or that it delivers in the place
 * of another process; docs/spool.md has its form. Its locks are let go of by {@link #close}, and by
 * the end of the process.
 */
final class SpoolFolder implements AutoCloseable {
  private static final int MAX_HOST_CHARACTERS = 64;

  final Path path;
  // null, where the file system has no locks, and if another process has written it
  private final FileLocks.Held writerLock;
  private final FileLocks.Held deliveryLock; // likewise, and if nothing is delivered

  private SpoolFolder(Path path, FileLocks.Held writerLock, FileLocks.Held deliveryLock) {
    this.path = path;
    this.writerLock = writerLock;
    this.deliveryLock = deliveryLock;
  }

  /**
   * Makes a folder, which no reader sees before it is locked.
   *
   * @param spool the spool, which is made if it is not there
   * @param trackingUri of the server, without a token; empty if it is not known
   * @param delivers whether this process delivers what it writes
   * @param isSynced whether the folder has to survive a crash of the machine
   */
  static SpoolFolder create(Path spool, String trackingUri, boolean delivers, boolean isSynced)
      throws IOException {
    LogFiles.makeFolder(spool);
    String safeHost =
        FolderInfo.hostName().replaceAll("[^A-Za-z0-9_.-]", "_").replaceAll("^\\.+", "");
    String name =
        (safeHost.isEmpty()
                ? "host"
                : safeHost.substring(0, Math.min(safeHost.length(), MAX_HOST_CHARACTERS)))
            + "-"
            + ProcessHandle.current().pid()
            + "-"
            + Requests.newId().substring(0, 8);
    Path draft = spool.resolve("." + name);
    LogFiles.makeFolder(draft.resolve("batches"));
    FolderInfo.write(draft, trackingUri, isSynced);
    FileLocks.Held writerLock = lock(draft.resolve("writer.lock"));
    FileLocks.Held deliveryLock = delivers ? lock(draft.resolve("delivery.lock")) : null;
    SpoolFolder folder = new SpoolFolder(spool.resolve(name), writerLock, deliveryLock);
    try {
      if (isSynced) {
        LogFiles.syncFolder(draft);
      }
      Files.move(draft, folder.path, StandardCopyOption.ATOMIC_MOVE);
      if (isSynced) {
        LogFiles.syncFolder(spool);
      }
    } catch (IOException error) {
      folder.close();
      throw error;
    }
    return folder;
  }

  /**
   * Takes the right to deliver what a process has left.
   *
   * @return the folder; null if its writer lives, or somebody else delivers it
   * @throws IOException if it is gone, or its file system has no locks
   */
  static SpoolFolder adopt(Path path) throws IOException {
    FileLocks.Held writerLock = FileLocks.tryLock(path.resolve("writer.lock"));
    if (writerLock == null) {
      return null;
    }
    writerLock.close(); // a writer that is gone does not come back
    FileLocks.Held deliveryLock = FileLocks.tryLock(path.resolve("delivery.lock"));
    return deliveryLock == null ? null : new SpoolFolder(path, null, deliveryLock);
  }

  /** Returns the folder of the log of batches. */
  Path batches() {
    return path.resolve("batches");
  }

  /** Returns the folder of the log of tasks, which is there once there was one. */
  Path tasks() {
    return path.resolve("tasks");
  }

  /** Copies bytes of a log that are no frames into {@code damaged}. */
  Path setAside(Path log, Place start, long size) throws IOException {
    Path damaged = path.resolve("damaged");
    LogFiles.makeFolder(damaged);
    Path copy =
        damaged.resolve(
            String.format("%s-%08d-%010d", log.getFileName(), start.file, start.offset));
    try (FileChannel source =
            LogFiles.open(LogFiles.path(log, start.file), Set.of(StandardOpenOption.READ));
        FileChannel target =
            LogFiles.open(
                copy,
                Set.of(
                    StandardOpenOption.CREATE,
                    StandardOpenOption.WRITE,
                    StandardOpenOption.TRUNCATE_EXISTING))) {
      source.transferTo(start.offset, size, target);
    }
    return copy;
  }

  /** Appends a frame to {@code refused.log}, or leaves the file as it was. */
  void appendRefusal(byte[] payload) throws IOException {
    ByteBuffer[] frame = {Frames.makeHeader(payload), ByteBuffer.wrap(payload)};
    try (FileChannel file =
        LogFiles.open(
            path.resolve("refused.log"),
            Set.of(StandardOpenOption.CREATE, StandardOpenOption.WRITE))) {
      long size = file.size();
      file.position(size);
      try {
        if (file.write(frame) < (long) Frames.HEADER_BYTES + payload.length) {
          throw new IOException("no space left for refused.log");
        }
      } catch (IOException error) {
        file.truncate(size);
        throw error;
      }
    }
  }

  /** Removes the folder, whose content is answered, unless something in it is for people. */
  void remove() throws IOException {
    if (!Files.exists(path.resolve("damaged")) && !Files.exists(path.resolve("refused.log"))) {
      Path doomed = path.resolveSibling("." + path.getFileName() + ".removed");
      try {
        Files.move(path, doomed, StandardCopyOption.ATOMIC_MOVE); // readers pass over its name
      } catch (NoSuchFileException removed) {
        // by somebody who did not know better
      }
      removeTree(doomed);
    }
    close();
  }

  /** Leaves the folder to whoever delivers what is in it. */
  @Override
  public void close() {
    if (writerLock != null) {
      writerLock.close();
    }
    if (deliveryLock != null) {
      deliveryLock.close();
    }
  }

  private static FileLocks.Held lock(Path path) {
    try {
      return FileLocks.tryLock(path);
    } catch (IOException unsupported) {
      return null; // where a file system has no locks, nobody but the writer changes the folder
    }
  }

  private static void removeTree(Path folder) throws IOException {
    List<Path> paths;
    try (Stream<Path> walk = Files.walk(folder)) {
      paths = walk.sorted(Comparator.reverseOrder()).collect(Collectors.toList());
    } catch (NoSuchFileException removed) {
      return;
    }
    for (Path path : paths) {
      Files.deleteIfExists(path);
    }
  }
}
