package io.runstream;

import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.FileVisitOption;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.UserPrincipal;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * What a folder of a spool has, so that nothing else is ever taken for one, followed or removed.
 */
final class FolderContents {
  private static final Pattern LOG = Pattern.compile("\\d{8}\\.log|cursor");
  private static final Pattern ANY = Pattern.compile(".+", Pattern.DOTALL);
  private static final Set<String> FILES =
      Set.of("spool.json", "writer.lock", "delivery.lock", "refused.log");
  // For each name of a folder the names of the files that it has.
  private static final Map<String, Pattern> FOLDERS =
      Map.of("batches", LOG, "tasks", LOG, "files", ANY, "damaged", ANY);
  private static final int DEPTH = 2;

  private static UserPrincipal user; // who runs this process; null before it is asked for

  private FolderContents() {}

  /**
   * Checks that a folder may be read and written to.
   *
   * @return whether it has nothing but what a folder of a spool has, so that it may be removed
   * @throws IOException if it is gone, is a link or of another user, or something in it is a link
   *     or of another kind than it should be
   */
  static boolean check(Path folder) throws IOException {
    if (!Files.isDirectory(folder, LinkOption.NOFOLLOW_LINKS)) {
      throw new FileSystemException(folder.toString(), null, "it is a link or no folder");
    }
    if (!Files.getOwner(folder, LinkOption.NOFOLLOW_LINKS).equals(user())) {
      throw new FileSystemException(folder.toString(), null, "it belongs to another user");
    }
    boolean[] hasOnlyOwn = {true};
    Files.walkFileTree(
        folder,
        Set.<FileVisitOption>of(),
        DEPTH,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult preVisitDirectory(Path below, BasicFileAttributes attributes)
              throws IOException {
            return visit(below, attributes);
          }

          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes attributes)
              throws IOException {
            return visit(file, attributes);
          }

          @Override
          public FileVisitResult visitFileFailed(Path file, IOException error) {
            return FileVisitResult.CONTINUE; // somebody has removed it meanwhile
          }

          private FileVisitResult visit(Path path, BasicFileAttributes attributes)
              throws IOException {
            if (path.equals(folder)) {
              return FileVisitResult.CONTINUE;
            }
            Kind kind = Kind.of(folder, path, attributes);
            if (kind == Kind.WRONG) {
              throw new FileSystemException(
                  path.toString(), null, "it is a link, or no file of a spool");
            }
            hasOnlyOwn[0] &= kind == Kind.OWN;
            return kind == Kind.FOREIGN && attributes.isDirectory()
                ? FileVisitResult.SKIP_SUBTREE
                : FileVisitResult.CONTINUE;
          }
        });
    return hasOnlyOwn[0];
  }

  /** What something in a folder is: of a spool, of somebody else, or not what its name says. */
  private enum Kind {
    OWN,
    FOREIGN,
    WRONG;

    static Kind of(Path folder, Path path, BasicFileAttributes attributes) {
      String name = path.getFileName().toString();
      if (!path.getParent().equals(folder)) {
        Pattern names = FOLDERS.get(path.getParent().getFileName().toString());
        boolean isKnown = names.matcher(name).matches();
        return !attributes.isRegularFile() ? WRONG : isKnown ? OWN : FOREIGN;
      }
      if (FOLDERS.containsKey(name)) {
        return attributes.isDirectory() ? OWN : WRONG;
      }
      if (FILES.contains(name)) {
        return attributes.isRegularFile() ? OWN : WRONG;
      }
      return FOREIGN;
    }
  }

  /** Returns who owns what this process makes, whatever the system calls the user. */
  private static synchronized UserPrincipal user() throws IOException {
    if (user == null) {
      Path made = Files.createTempFile("runstream-", "");
      try {
        user = Files.getOwner(made);
      } finally {
        Files.delete(made);
      }
    }
    return user;
  }
}
