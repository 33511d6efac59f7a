package io.runstream;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileSystemException;
import java.nio.file.FileVisitOption;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Folders of this machine whose files go to a server, or come from one that is not trusted. */
final class Folders {
  private Folders() {}

  /** Returns the files below a folder, sorted by path; links are followed. */
  static List<Path> filesBelow(Path folder) throws IOException {
    try (Stream<Path> below = Files.walk(folder, FileVisitOption.FOLLOW_LINKS)) {
      return below.filter(path -> !Files.isDirectory(path)).sorted().collect(Collectors.toList());
    } catch (UncheckedIOException error) {
      throw error.getCause();
    }
  }

  /**
   * Returns the bytes of the files below a folder, of which others may remove some meanwhile; links
   * below it are not followed.
   */
  static long countBytes(Path folder) throws IOException {
    long[] bytes = {0};
    Files.walkFileTree(
        folder.toRealPath(), // it may itself be a link to another disk
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
            bytes[0] += attributes.size();
            return FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult visitFileFailed(Path file, IOException error) {
            return FileVisitResult.CONTINUE; // it is not there any more, or of somebody else
          }

          @Override
          public FileVisitResult postVisitDirectory(Path visited, IOException error) {
            return FileVisitResult.CONTINUE;
          }
        });
    return bytes[0];
  }

  /** Returns a relative path with slashes between its parts, as servers name artifacts. */
  static String toArtifactPath(Path relative) {
    List<String> parts = new ArrayList<>();
    relative.forEach(part -> parts.add(part.toString()));
    return String.join("/", parts);
  }

  /**
   * Returns the path on this machine to which a file of a server is downloaded.
   *
   * @param destination the folder on this machine
   * @param path the folder or file that was asked for, or ""
   * @param file the path of the file, as the server lists it
   * @throws TrackingException if the file was not asked for, or its path is no path of an artifact
   */
  static Path resolveTarget(Path destination, String path, String file) {
    Rules.checkArtifactPath("path", file);
    String below = file;
    if (file.equals(path)) { // a file was asked for, not a folder
      below = file.substring(file.lastIndexOf('/') + 1);
    } else if (!path.isEmpty()) {
      if (!file.startsWith(path + "/")) {
        throw TrackingException.malformed(
            "the server lists '" + file + "', which is not in '" + path + "'");
      }
      below = file.substring(path.length() + 1);
    }
    Path target = destination.resolve(below);
    Path root = destination.toAbsolutePath().normalize();
    if (!target.toAbsolutePath().normalize().startsWith(root)) { // such as C:x, on Windows
      throw TrackingException.malformed(
          "the server lists '" + file + "', which leads out of " + destination);
    }
    return target;
  }

  /** Throws an exception if a link stands between a folder and a file that goes below it. */
  static void checkNoLinks(Path destination, Path target) throws IOException {
    Path folder = destination;
    Path below = destination.relativize(target).getParent();
    if (below == null) {
      return;
    }
    for (Path part : below) {
      folder = folder.resolve(part);
      if (Files.isSymbolicLink(folder)) {
        throw new FileSystemException(
            folder.toString(), null, "it is a link, which a download does not follow");
      }
    }
  }
}
