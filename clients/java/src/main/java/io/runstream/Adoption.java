package io.runstream;

import io.grpc.Status;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Delivers, in the background, what other processes of this user left on this machine: folders of
 * the spool whose process is gone, and that are for the server of this client.
 *
 * <p>A thread looks for them a second after the server has answered the first time, or again after
 * an outage, and every minute. It sends slowly, only while nothing of this client waits, over a
 * stream of its own, and holds up neither the close of the client nor the end of the program: what
 * it has not delivered is left to the next process. Its monitor covers whether it is to look.
 */
final class Adoption {
  /** Bytes that are sent in a second. */
  static final long BYTES_PER_SECOND = 4L * 1024 * 1024;

  private static final System.Logger LOG = System.getLogger("io.runstream");
  private static final Duration DELAY = Duration.ofSeconds(1);
  private static final Duration INTERVAL = Duration.ofSeconds(60);
  private static final Duration END_TIMEOUT = Duration.ofSeconds(1);
  // Between two looks at whether anything of this client waits.
  private static final long BUSY_NANOS = 100_000_000;
  // Errors that concern all folders.
  private static final Set<Status.Code> COMMON =
      EnumSet.of(
          Status.Code.UNAVAILABLE, Status.Code.DEADLINE_EXCEEDED, Status.Code.UNAUTHENTICATED);

  // Spools and servers for which a client of this JVM delivers: the rate is that of all of them.
  private static final Set<String> DELIVERING = ConcurrentHashMap.newKeySet();
  // Folders that are not delivered, of which a warning has told.
  private static final Set<Path> WARNED = ConcurrentHashMap.newKeySet();

  private final Calls calls;
  private final Outbox outbox;
  private final Path spool; // null, if there is none
  private final String trackingUri;
  private Thread thread; // null before the server has answered
  private boolean isDue;
  private int passes;
  private volatile boolean isClosed;

  /**
   * Looks for nothing yet.
   *
   * @param trackingUri of the server; empty, if nobody knows it
   */
  Adoption(Calls calls, Outbox outbox, SpoolSettings settings, String trackingUri) {
    this.calls = calls;
    this.outbox = outbox;
    boolean isUsed = settings.isOnDisk() && !settings.isOffline && !trackingUri.isEmpty();
    this.spool = isUsed ? settings.folder : null;
    this.trackingUri = trackingUri;
  }

  /** Lets it look soon, because the server answers. */
  synchronized void look() {
    if (spool == null || isClosed) {
      return;
    }
    isDue = true;
    notifyAll();
    if (thread == null) {
      thread = new Thread(this::run, "runstream-adoption");
      thread.setDaemon(true);
      thread.start();
    }
  }

  /** Returns how many times it has looked, and delivered what it found. */
  synchronized int passes() {
    return passes;
  }

  /** Ends it; what has no answer is left to another process. */
  void close() {
    Thread ending;
    synchronized (this) {
      isClosed = true;
      notifyAll();
      ending = thread;
    }
    if (ending != null) {
      Interrupts.defer(() -> join(ending));
    }
  }

  private static void join(Thread ending) {
    try {
      ending.join(END_TIMEOUT.toMillis());
    } catch (InterruptedException interrupt) {
      throw TrackingException.interrupted();
    }
  }

  private void run() {
    while (awaitTurn()) {
      try {
        deliverAll();
      } catch (IOException | RuntimeException error) { // it looks again
        LOG.log(System.Logger.Level.DEBUG, "what another process left is not delivered", error);
      }
      synchronized (this) {
        passes++;
      }
    }
  }

  /** Waits until it has to look; returns false if it is over. */
  private synchronized boolean awaitTurn() {
    long due = System.nanoTime() + INTERVAL.toNanos();
    for (long left; !isClosed && !isDue && (left = due - System.nanoTime()) > 0; ) {
      Interrupts.await(this, left);
    }
    isDue = false;
    due = System.nanoTime() + DELAY.toNanos(); // many programs end sooner
    for (long left; !isClosed && (left = due - System.nanoTime()) > 0; ) {
      Interrupts.await(this, left);
    }
    return !isClosed;
  }

  private void deliverAll() throws IOException {
    String key = spool + " " + trackingUri;
    if (!DELIVERING.add(key)) {
      return; // another client does
    }
    try {
      WaitingStarts starts = new WaitingStarts(spool, trackingUri);
      GentlePace pace = new GentlePace();
      for (FolderInfo info : findLeft()) {
        if (isClosed) {
          return;
        }
        deliver(info.folder, starts, pace);
      }
    } finally {
      DELIVERING.remove(key);
    }
  }

  /** Returns the folders for this server whose process ran on this machine. */
  private List<FolderInfo> findLeft() {
    String host = FolderInfo.hostName();
    List<FolderInfo> folders = FolderInfo.list(spool);
    folders.removeIf(info -> !info.host.equals(host) || !info.trackingUri.equals(trackingUri));
    return folders;
  }

  private void deliver(Path path, WaitingStarts starts, GentlePace pace) {
    try {
      boolean isRemovable = FolderContents.check(path);
      try (SpoolFolder folder = SpoolFolder.adopt(path)) {
        if (folder != null) {
          deliver(folder, isRemovable, starts, pace);
        }
      }
    } catch (TrackingException error) {
      if (COMMON.contains(error.code()) || error.mayWorkLater()) {
        throw error;
      }
      warn(path, error);
    } catch (IOException error) {
      if (Files.exists(path)) { // or else another process has delivered it meanwhile
        warn(path, error);
      }
    }
  }

  private void deliver(
      SpoolFolder folder, boolean isRemovable, WaitingStarts starts, GentlePace pace)
      throws IOException {
    FolderDelivery batches = new FolderDelivery(folder, calls.connection, starts, pace);
    FolderTasks tasks = new FolderTasks(folder, calls, pace);
    if (batches.deliver() && tasks.deliver()) {
      if (!batches.isEmpty() || !tasks.isEmpty()) {
        LOG.log(
            System.Logger.Level.INFO,
            "delivered {0} and {1} that another process left in {2}",
            batches,
            tasks,
            folder.path);
      }
      if (isRemovable) {
        folder.remove();
      }
    }
  }

  private void warn(Path folder, Exception error) {
    if (!isClosed && WARNED.add(folder)) {
      LOG.log(System.Logger.Level.WARNING, "{0} is not delivered: {1}", folder, error.getMessage());
    }
  }

  /** A pace that nobody feels. */
  private final class GentlePace implements Pace {
    private long nextNanos = System.nanoTime();

    @Override
    public long nanosUntil(int bytes) {
      long now = System.nanoTime();
      if (!outbox.isEmpty()) {
        return BUSY_NANOS;
      }
      if (now - nextNanos < 0) {
        return nextNanos - now;
      }
      nextNanos = now + bytes * 1_000_000_000L / BYTES_PER_SECOND;
      return 0;
    }

    @Override
    public boolean isOver() {
      return isClosed;
    }
  }
}
