package io.runstream;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.HashSet;
import java.util.Set;

/**
 * Locks of whole files, by which processes of all languages know of each other.
 *
 * <p>They are locks of POSIX: one belongs to the process, and is gone as soon as the process closes
 * any descriptor of the file. So all locks of the JVM are here, and no file whose lock it has is
 * opened. The monitor of the class covers the set, and the time between a look into it and the open
 * of a file.
 */
final class FileLocks {
  // What names a file: its device and number.
  private static final Set<Object> KEYS = new HashSet<>();

  private FileLocks() {}

  /** A lock that this process has until it is closed. */
  static final class Held implements AutoCloseable {
    private final FileChannel file;
    private final Object key;

    private Held(FileChannel file, Object key) {
      this.file = file;
      this.key = key;
    }

    @Override
    public void close() {
      synchronized (KEYS) {
        if (file.isOpen()) {
          KEYS.remove(key);
          closeQuietly(file);
        }
      }
    }
  }

  /**
   * Takes the lock of a file, which is created if it is not there; never waits.
   *
   * @return the lock; null if a process has it, which may be this one
   * @throws IOException if the file cannot be opened, or the file system has no locks
   */
  static Held tryLock(Path path) throws IOException {
    synchronized (KEYS) {
      if (isLockedHere(path)) {
        return null;
      }
      FileChannel file =
          LogFiles.open(
              path,
              Set.of(StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE));
      boolean isLocked = false;
      try {
        FileLock lock = file.tryLock();
        if (lock != null) {
          Object key = key(path);
          isLocked = true;
          KEYS.add(key);
          return new Held(file, key);
        }
        return null;
      } catch (OverlappingFileLockException held) { // by another class loader of this JVM
        return null;
      } finally {
        if (!isLocked) {
          closeQuietly(file);
        }
      }
    }
  }

  private static boolean isLockedHere(Path path) throws IOException {
    try {
      return KEYS.contains(key(path));
    } catch (NoSuchFileException none) {
      return false;
    }
  }

  private static Object key(Path path) throws IOException {
    Object key = Files.readAttributes(path, BasicFileAttributes.class).fileKey();
    return key == null ? path.toAbsolutePath() : key; // Windows has none
  }

  private static void closeQuietly(FileChannel file) {
    try {
      file.close();
    } catch (IOException error) {
      // It was only read and written by nobody.
    }
  }
}
