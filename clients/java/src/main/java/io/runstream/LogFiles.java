package io.runstream;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The files of a log: which there are, their names, and that they are for their owner alone. */
final class LogFiles {
  /** Bytes of a file after which the next one is begun. */
  static final long FILE_BYTES = 16L * 1024 * 1024;

  private static final Pattern NAME = Pattern.compile("\\d{8}\\.log");
  private static final boolean IS_POSIX =
      FileSystems.getDefault().supportedFileAttributeViews().contains("posix");

  private LogFiles() {}

  /** Returns the path of the file of a number. */
  static Path path(Path folder, long number) {
    return folder.resolve(String.format("%08d.log", number));
  }

  /** Returns the numbers of the files of a log in order; none if there is no such folder. */
  static List<Long> list(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files
          .map(file -> file.getFileName().toString())
          .filter(name -> NAME.matcher(name).matches())
          .map(name -> Long.parseLong(name.substring(0, 8)))
          .sorted()
          .collect(Collectors.toList());
    } catch (NoSuchFileException | NotDirectoryException none) {
      return List.of();
    }
  }

  /** Returns the number of the first file behind another; 0 if there is none. */
  static long next(Path folder, long number) throws IOException {
    return list(folder).stream().filter(file -> file > number).findFirst().orElse(0L);
  }

  /** Returns how many bytes the files of a log have from a place on. */
  static long countBytes(Path folder, Place start) throws IOException {
    long bytes = 0;
    for (long number : list(folder)) {
      if (number >= start.file) {
        long size = Files.size(path(folder, number));
        bytes += number == start.file ? Math.max(0, size - start.offset) : size;
      }
    }
    return bytes;
  }

  /** Opens a file; one that is created is for its owner alone. */
  static FileChannel open(Path file, Set<? extends OpenOption> options) throws IOException {
    return FileChannel.open(file, options, permissions("rw-------"));
  }

  /** Makes a folder for its owner alone, and those that it is in. */
  static void makeFolder(Path folder) throws IOException {
    Files.createDirectories(folder, permissions("rwx------"));
  }

  /** Lets the names of a folder survive a crash of the machine. */
  static void syncFolder(Path folder) throws IOException {
    if (IS_POSIX) { // elsewhere a folder cannot be opened
      try (FileChannel open = FileChannel.open(folder, StandardOpenOption.READ)) {
        open.force(true);
      }
    }
  }

  private static FileAttribute<?>[] permissions(String rights) {
    return IS_POSIX
        ? new FileAttribute<?>[] {
          PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString(rights))
        }
        : new FileAttribute<?>[0];
  }
}
