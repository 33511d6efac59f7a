package io.runstream;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * What a folder of a spool says of itself: for which server it is, and of which process. It stands
 * in its {@code spool.json}, a SpoolInfo as JSON, in which 64-bit integers are strings.
 */
final class FolderInfo {
  private static final String NAME = "spool.json";
  private static final int FORMAT = 1;
  private static final int MAX_BYTES = 64 * 1024;

  // The object has texts and numbers alone; what another version adds is passed over.
  private static final Pattern ENTRY =
      Pattern.compile("\"(\\w++)\"\\s*+:\\s*+(?:\"((?:[^\"\\\\]++|\\\\.)*+)\"|(\\d++))");
  private static final Pattern ESCAPE = Pattern.compile("\\\\(?:u([0-9a-fA-F]{4})|(.))");
  private static final String LETTERS = "bfnrt";
  private static final String MEANINGS = "\b\f\n\r\t";

  /** The folder. */
  final Path folder;

  /** The tracking URI of the server; empty if the process knew none. */
  final String trackingUri;

  /** The name of the machine. */
  final String host;

  private final long created;

  private FolderInfo(Path folder, Map<String, String> values) {
    this.folder = folder;
    trackingUri = values.getOrDefault("trackingUri", values.getOrDefault("tracking_uri", ""));
    host = values.getOrDefault("host", "");
    created = parseNumber(values.get("created"));
  }

  /**
   * Reads what a folder says of itself.
   *
   * @throws IOException if it says nothing, or is of a newer format
   */
  static FolderInfo read(Path folder) throws IOException {
    Path file = folder.resolve(NAME);
    byte[] bytes;
    try (InputStream stream = Files.newInputStream(file, LinkOption.NOFOLLOW_LINKS)) {
      bytes = stream.readNBytes(MAX_BYTES);
    }
    Map<String, String> values = new HashMap<>();
    Matcher entry = ENTRY.matcher(new String(bytes, StandardCharsets.UTF_8));
    while (entry.find()) {
      String text = entry.group(2);
      values.put(entry.group(1), text == null ? entry.group(3) : unescape(text));
    }
    long format = parseNumber(values.get("format"));
    if (format != FORMAT) {
      throw new IOException(file + " has format " + format + "; this version knows " + FORMAT);
    }
    return new FolderInfo(folder, values);
  }

  /**
   * Returns the folders of a spool that can be read, the oldest first: what a process starts,
   * others log to, so what it wrote comes first.
   */
  static List<FolderInfo> list(Path spool) {
    List<FolderInfo> found = new ArrayList<>();
    for (Path folder : listFolders(spool)) {
      try {
        found.add(read(folder));
      } catch (IOException unreadable) {
        // It is being removed, is no folder of a spool, or of a newer version.
      }
    }
    found.sort(
        Comparator.comparingLong((FolderInfo info) -> info.created)
            .thenComparing(info -> info.folder.getFileName().toString()));
    return found;
  }

  /** Writes what the folder of this process says of itself. */
  static void write(Path folder, String trackingUri, boolean isSynced) throws IOException {
    Set<StandardOpenOption> options =
        Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
    try (FileChannel channel = LogFiles.open(folder.resolve(NAME), options)) {
      channel.write(ByteBuffer.wrap(toJson(trackingUri).getBytes(StandardCharsets.UTF_8)));
      if (isSynced) {
        channel.force(true);
      }
    }
  }

  /** Returns the name of this machine as the system has it, which is the same in every language. */
  static String hostName() {
    try {
      return Files.readString(Path.of("/proc/sys/kernel/hostname")).strip();
    } catch (IOException otherSystem) {
      // it is asked below
    }
    try {
      return InetAddress.getLocalHost().getHostName();
    } catch (UnknownHostException nameless) {
      return "host";
    }
  }

  /** Returns a text as a string of JSON. Whatever is not printable ASCII is escaped. */
  static String quote(String text) {
    StringBuilder quoted = new StringBuilder("\"");
    for (char unit : text.toCharArray()) {
      if (unit >= ' ' && unit <= '~' && unit != '"' && unit != '\\') {
        quoted.append(unit);
      } else {
        quoted.append(String.format("\\u%04x", (int) unit));
      }
    }
    return quoted.append('"').toString();
  }

  private static List<Path> listFolders(Path spool) {
    try (Stream<Path> found = Files.list(spool)) {
      return found
          .filter(path -> !path.getFileName().toString().startsWith("."))
          .filter(path -> Files.isRegularFile(path.resolve(NAME), LinkOption.NOFOLLOW_LINKS))
          .collect(Collectors.toList());
    } catch (IOException | UncheckedIOException none) {
      return List.of();
    }
  }

  private static String toJson(String trackingUri) {
    String program = System.getProperty("sun.java.command", "").split(" ", 2)[0];
    return "{\n  \"format\": "
        + FORMAT
        + ",\n  \"trackingUri\": "
        + quote(trackingUri)
        + ",\n  \"host\": "
        + quote(hostName())
        + ",\n  \"processId\": \""
        + ProcessHandle.current().pid()
        + "\",\n  \"program\": "
        + quote(program)
        + ",\n  \"created\": \""
        + System.currentTimeMillis()
        + "\"\n}\n";
  }

  private static String unescape(String text) {
    return ESCAPE
        .matcher(text)
        .replaceAll(
            escape -> {
              String letter = escape.group(2);
              if (letter == null) {
                char unit = (char) Integer.parseInt(escape.group(1), 16);
                return Matcher.quoteReplacement(String.valueOf(unit));
              }
              int meaning = LETTERS.indexOf(letter);
              return Matcher.quoteReplacement(
                  meaning < 0 ? letter : MEANINGS.substring(meaning, meaning + 1));
            });
  }

  private static long parseNumber(String text) {
    try {
      return text == null ? 0 : Long.parseLong(text);
    } catch (NumberFormatException malformed) {
      return 0;
    }
  }
}
