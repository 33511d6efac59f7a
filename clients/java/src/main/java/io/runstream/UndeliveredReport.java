package io.runstream;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/** What the end of a client says of what it did not deliver, for people. */
final class UndeliveredReport {
  private static final int MAX_NAMED = 10;
  private static final Pattern PLAIN = Pattern.compile("[\\w@%+=:,./-]+");

  private UndeliveredReport() {}

  /** Returns what says that a folder keeps what was not delivered to a server. */
  static String describeKept(String server, String why, Path folder, Map<String, ?> saved) {
    List<String> counts = listCounts(saved);
    String listed =
        counts.size() == 1
            ? " " + counts.get(0) + ". "
            : "\n  " + String.join("\n  ", counts) + "\n";
    boolean isNamed = !System.getenv().getOrDefault("RUNSTREAM_SPOOL", "").isEmpty();
    return "not delivered to "
        + server
        + why
        + "; it is kept in "
        + folder
        + ":"
        + listed
        + "`runstream sync"
        + (isNamed ? " " + quote(folder.getParent()) : "")
        + "` sends it, and so does the next program that logs to this server while it runs;"
        + " `runstream sync "
        + quote(folder)
        + " --to URI` sends it to another server";
  }

  /** Returns what says that what was not delivered is in memory alone, and so is lost. */
  static List<String> describeLost(String server, String why, Map<String, ?> unsaved) {
    List<String> lines = listCounts(unsaved);
    lines.replaceAll(line -> "lost, not delivered to " + server + why + ": " + line);
    return lines;
  }

  /** Returns what says that a folder keeps what a program without a server logged. */
  static String describeOffline(Path folder, String trackingUri) {
    return "what was logged is kept in "
        + folder
        + "; `runstream sync "
        + quote(folder.getParent())
        + (trackingUri.isEmpty()
            ? " --to URI` sends it"
            : "` sends it, and so does the next program that logs to "
                + trackingUri
                + " while it runs");
  }

  /** Returns what says that a folder keeps what a server refused. */
  static String describeRefused(String server, Path folder, Map<String, Integer> counts) {
    int sum = counts.values().stream().mapToInt(Integer::intValue).sum();
    return server
        + " refused "
        + count(sum, "batch, which is", "batches, which are")
        + " kept in "
        + folder
        + ": "
        + String.join(", ", listCounts(counts))
        + ". `runstream spool show "
        + folder.getFileName()
        + "` says why, `runstream sync "
        + folder.getFileName()
        + "` sends them again";
  }

  /** Returns a number with what it counts. */
  static String count(long number, String one, String many) {
    return number + " " + (number == 1 ? one : many);
  }

  /** Returns how much it is of each run, and how many more there are. */
  private static List<String> listCounts(Map<String, ?> counts) {
    List<String> listed = new ArrayList<>();
    counts.forEach((run, count) -> listed.add(count + " of run " + run));
    int more = listed.size() - MAX_NAMED;
    if (more > 0) {
      listed.subList(MAX_NAMED, listed.size()).clear();
      listed.add("and " + more + " more");
    }
    return listed;
  }

  /** Returns a path as a shell takes it. */
  private static String quote(Path path) {
    String text = path.toString();
    return PLAIN.matcher(text).matches() ? text : "'" + text.replace("'", "'\"'\"'") + "'";
  }
}
