package io.runstream;

import java.io.File;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What the environment says of the spool: where it is (RUNSTREAM_SPOOL), how large it may become
 * (RUNSTREAM_SPOOL_LIMIT), whether it is synced (RUNSTREAM_SPOOL_SYNC), whether it is all there is
 * (RUNSTREAM_OFFLINE), and how long the end of a program waits for a server that does not answer
 * (RUNSTREAM_EXIT_SECONDS).
 */
final class SpoolSettings {
  private static final long DEFAULT_LIMIT = 8L << 30;
  private static final double DEFAULT_EXIT_SECONDS = 10;
  private static final double FREE_SHARE = 0.05; // of a disk, which is never used
  // Bytes that are written between two looks: a spool may have many folders.
  private static final long CHECK_BYTES = 16L * 1024 * 1024;
  private static final Pattern SIZE =
      Pattern.compile("(\\d+(?:\\.\\d+)?)\\s*(?:([kmgt])(i?)b?|b)?", Pattern.CASE_INSENSITIVE);
  private static final List<String> TRUE = List.of("true", "1", "yes", "on");
  private static final List<String> FALSE = List.of("false", "0", "no", "off", "");

  /** The folder of the spool, which need not be there; null if the user has no home. */
  final Path folder;

  /** How many bytes the spool may have; 0 if there is none. */
  final long limitBytes;

  /** Whether what is written has to survive a crash of the machine. */
  final boolean isSynced;

  /** Whether nothing is sent. */
  final boolean isOffline;

  /** How long the end of a program waits for an answer. */
  final Duration exitTimeout;

  /**
   * Reads the variables.
   *
   * @throws TrackingException if one is malformed
   */
  SpoolSettings(Map<String, String> environment) {
    folder = findFolder(environment);
    limitBytes = parseSize(environment);
    isSynced = parseBoolean(environment, "RUNSTREAM_SPOOL_SYNC");
    isOffline = parseBoolean(environment, "RUNSTREAM_OFFLINE");
    exitTimeout = parseSeconds(environment);
  }

  private SpoolSettings(SpoolSettings settings, Path folder) {
    this.folder = folder;
    this.limitBytes = settings.limitBytes;
    this.isSynced = settings.isSynced;
    this.isOffline = true;
    this.exitTimeout = settings.exitTimeout;
  }

  /** Returns the settings of a client that only writes to a folder. */
  SpoolSettings offline(Path spool) {
    return new SpoolSettings(this, spool.toAbsolutePath());
  }

  /** Returns whether what is logged goes to a disk. */
  boolean isOnDisk() {
    return folder != null && (limitBytes > 0 || isOffline);
  }

  /**
   * Returns how many bytes may be written before the next look at the spool, which all processes of
   * a user share.
   *
   * @param size how many are to be written now
   * @throws IOException if there is no room for them
   */
  long measureRoom(long size) throws IOException {
    if (limitBytes == 0) {
      return Math.max(size, CHECK_BYTES);
    }
    long used = Folders.countBytes(folder);
    if (used + size > limitBytes) {
      throw new IOException("the spool has its RUNSTREAM_SPOOL_LIMIT of " + limitBytes + " bytes");
    }
    return Math.max(size, Math.min(CHECK_BYTES, limitBytes - used));
  }

  /** Returns whether a disk keeps enough of its space free when more is written to it. */
  static boolean hasFreeSpace(File path, long size) {
    return path.getUsableSpace() - size >= path.getTotalSpace() * FREE_SHARE;
  }

  private static Path findFolder(Map<String, String> environment) {
    String named = environment.getOrDefault("RUNSTREAM_SPOOL", "");
    if (!named.isEmpty()) {
      return Path.of(named).toAbsolutePath();
    }
    Path state = Path.of(environment.getOrDefault("XDG_STATE_HOME", ""));
    if (!state.isAbsolute()) { // by the specification of XDG it counts only then
      state = Path.of(System.getProperty("user.home", ""), ".local", "state");
    }
    return state.isAbsolute() ? state.resolve("runstream").resolve("spool") : null;
  }

  private static long parseSize(Map<String, String> environment) {
    String name = "RUNSTREAM_SPOOL_LIMIT";
    String text = environment.getOrDefault(name, "").strip();
    if (text.isEmpty()) {
      return DEFAULT_LIMIT;
    }
    Matcher parts = SIZE.matcher(text);
    if (!parts.matches()) {
      throw malformedError(name, text, "bytes, or a size such as 8GiB or 500MB");
    }
    int power =
        parts.group(2) == null ? 0 : "kmgt".indexOf(parts.group(2).toLowerCase(Locale.ROOT)) + 1;
    int base = "i".equalsIgnoreCase(parts.group(3)) ? 1024 : 1000;
    return (long) (Double.parseDouble(parts.group(1)) * Math.pow(base, power));
  }

  private static Duration parseSeconds(Map<String, String> environment) {
    String name = "RUNSTREAM_EXIT_SECONDS";
    String text = environment.getOrDefault(name, "").strip();
    try {
      double seconds = text.isEmpty() ? DEFAULT_EXIT_SECONDS : Double.parseDouble(text);
      if (seconds >= 0 && seconds <= 1e9) {
        return Duration.ofMillis(Math.round(1e3 * seconds));
      }
    } catch (NumberFormatException malformed) {
      // it is said below
    }
    throw malformedError(name, text, "a number of seconds");
  }

  private static boolean parseBoolean(Map<String, String> environment, String name) {
    String text = environment.getOrDefault(name, "").strip().toLowerCase(Locale.ROOT);
    if (!TRUE.contains(text) && !FALSE.contains(text)) {
      throw malformedError(name, text, "1 or 0");
    }
    return TRUE.contains(text);
  }

  private static TrackingException malformedError(String name, String value, String limit) {
    return TrackingException.invalid(
        "SETTING_MALFORMED",
        name,
        value,
        limit,
        name + " is " + Rules.quote(value) + ": it must be " + limit);
  }
}
