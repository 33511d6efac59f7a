package io.runstream;

import io.grpc.ConnectivityState;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.runstream.v1.LoggingServiceGrpc;
import java.time.Duration;
import java.util.EnumSet;
import java.util.Set;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;

/**
 * Sends what was logged, on one thread that never waits for the network.
 *
 * <p>While points come it makes batches of them every 20 ms. It opens the stream, and opens it
 * again when it broke, at once with the next server or else with growing pauses; what had no answer
 * is then sent again, which stores nothing twice (M4).
 */
final class Uploader {
  private static final System.Logger LOG = System.getLogger("io.runstream");
  private static final Duration TICK = Duration.ofMillis(20);
  private static final Duration END_TIMEOUT = Duration.ofSeconds(2);
  private static final Duration CHECK_INTERVAL = Duration.ofSeconds(1);
  private static final int CHECKS_OF_A_RECONNECT = 5;
  private static final long FIRST_PAUSE_MILLIS = 50;
  private static final long MAX_PAUSE_MILLIS = 2_000;
  private static final Set<Status.Code> PERMANENT =
      EnumSet.of(
          Status.Code.INVALID_ARGUMENT,
          Status.Code.PERMISSION_DENIED,
          Status.Code.RESOURCE_EXHAUSTED,
          Status.Code.UNAUTHENTICATED,
          Status.Code.UNIMPLEMENTED);

  private static final Set<Status.Code> REFUSALS =
      EnumSet.of(Status.Code.PERMISSION_DENIED, Status.Code.UNAUTHENTICATED);

  final Outbox outbox;
  private final ManagedChannel channel;
  private final int servers;
  private final boolean isOffline;
  private final ScheduledThreadPoolExecutor thread;
  private volatile Thread sender;
  private final AtomicBoolean collecting = new AtomicBoolean();
  private final AtomicBoolean sending = new AtomicBoolean();
  private final AtomicReference<Runnable> whenEmpty = new AtomicReference<>();
  private volatile Runnable whenReached = () -> {};
  // Only the uploader's thread uses the following.
  private LogStream stream;
  private int checks;
  private int failures;
  private boolean isPausing;
  private boolean isOutage;
  private boolean wasReached;

  /**
   * Sends over a channel.
   *
   * @param servers how many servers it leads to
   * @param queue where batches wait
   * @param isOffline whether nothing is sent
   */
  Uploader(ManagedChannel channel, int servers, BatchQueue queue, boolean isOffline) {
    this.channel = channel;
    this.servers = servers;
    this.isOffline = isOffline;
    outbox = new Outbox(queue, isOffline, this::collectSoon, this::sendNow);
    thread = new ScheduledThreadPoolExecutor(1, this::newThread);
    thread.setExecuteExistingDelayedTasksAfterShutdownPolicy(false);
    thread.scheduleWithFixedDelay(
        guarded(this::check),
        CHECK_INTERVAL.toMillis(),
        CHECK_INTERVAL.toMillis(),
        TimeUnit.MILLISECONDS);
  }

  /** Runs {@code work} once, when nothing waits for an answer any more. */
  void whenEmpty(Runnable work) {
    whenEmpty.set(work);
  }

  /** Runs {@code work} when a server answers the first time, and each time it does so again. */
  void whenReached(Runnable work) {
    whenReached = work;
  }

  /** Ends the stream and the thread; what is not answered by now stays on disk, or is lost. */
  void close() {
    outbox.unanswered.setPermanentError(
        TrackingException.unavailable("the client is closed", null));
    execute(
        () -> {
          if (stream != null) {
            stream.close();
          }
          outbox.store();
          outbox.closeQueue();
          thread.shutdown();
        });
  }

  /** Waits for the end of the thread, which leaves the spool in order. */
  void awaitEnd() {
    Interrupts.defer(
        () -> {
          try {
            thread.awaitTermination(END_TIMEOUT.toMillis(), TimeUnit.MILLISECONDS);
          } catch (InterruptedException interrupt) {
            throw TrackingException.interrupted();
          }
        });
  }

  /** Returns whether a thread is the one that sends. */
  boolean isThread(Thread other) {
    return other == sender;
  }

  private Thread newThread(Runnable work) {
    sender = new Thread(work, "runstream-uploader");
    sender.setDaemon(true);
    return sender;
  }

  private void collectSoon() {
    if (!collecting.get() && collecting.compareAndSet(false, true)) {
      try {
        thread.schedule(guarded(this::collect), TICK.toMillis(), TimeUnit.MILLISECONDS);
      } catch (RejectedExecutionException closed) {
        // It was logged just before the close, which has collected it.
      }
    }
  }

  private void collect() {
    collecting.set(false); // a call that logs from here on schedules the next collection
    outbox.buffers.drain();
    outbox.store();
    send();
  }

  private void sendNow() {
    if (sending.compareAndSet(false, true)) {
      execute(
          () -> {
            sending.set(false);
            outbox.store();
            send();
          });
    }
  }

  private void check() {
    // Otherwise the channel would wait longer and longer between its attempts to connect: to all
    // servers, or to one that is away while others serve.
    boolean isAway = channel.getState(false) == ConnectivityState.TRANSIENT_FAILURE;
    if (isAway || checks++ % CHECKS_OF_A_RECONNECT == 0) {
      channel.resetConnectBackoff();
    }
    outbox.addHeartbeats();
    outbox.buffers.drain(); // what a failure may have left there
    outbox.buffers.removeUnused();
    outbox.store();
    send();
    outbox.unanswered.setUploaderError(null); // it works again
    Runnable end = outbox.isEmpty() ? whenEmpty.getAndSet(null) : null;
    if (end != null) {
      end.run();
    }
  }

  private void send() {
    if (isOffline || isPausing || outbox.isEmpty()) {
      return;
    }
    if (stream == null) {
      LogStream opened =
          new LogStream(outbox, this::onAnswer, this::onStreamEnd, this::onUnknownRun);
      LoggingServiceGrpc.newStub(channel).withWaitForReady().logBatch(opened);
      stream = opened;
    }
    stream.send();
  }

  private void onAnswer() {
    execute(
        () -> {
          failures = 0;
          outbox.unanswered.setPermanentError(null);
          outbox.unanswered.setOutage("");
          if (isOutage || !wasReached) {
            wasReached = true;
            whenReached.run();
          }
          if (isOutage) {
            isOutage = false;
            LOG.log(System.Logger.Level.INFO, "{0} answers again", channel.authority());
          }
        });
  }

  private void onUnknownRun(String runId) {
    execute(
        () -> {
          outbox.addStartOf(runId);
          stream = null;
          send();
        });
  }

  private void onStreamEnd(TrackingException error) {
    execute(
        () -> {
          stream = null;
          if (!thread.isShutdown() && !outbox.isEmpty()) {
            onBrokenStream(error);
          }
        });
  }

  private void onBrokenStream(TrackingException error) {
    boolean isTold = !error.retryDelay().isZero(); // to wait, whatever other servers there are
    if (failures++ < servers - 1 && !isTold) {
      send(); // to another server
      return;
    }
    boolean isLasting = PERMANENT.contains(error.code()) && !isTold;
    if (isLasting) {
      outbox.unanswered.setPermanentError(error);
    }
    outbox.unanswered.setOutage(error.getMessage()); // last: who sees it looks for the error
    if (!isOutage) {
      isOutage = true;
      LOG.log(
          System.Logger.Level.WARNING,
          "{0} {1} ({2}); {3}",
          channel.authority(),
          isTold || REFUSALS.contains(error.code()) ? "refuses it" : "does not answer",
          error.getMessage(),
          isLasting
              ? "what is logged is kept, and not sent before that is mended"
              : "what is logged meanwhile is sent when it takes it again");
    }
    int doublings = Math.max(0, Math.min(failures - servers, 10));
    long pause = Math.min(MAX_PAUSE_MILLIS, FIRST_PAUSE_MILLIS << doublings);
    // Many clients of one server must not come back at the same instant.
    long spread = ThreadLocalRandom.current().nextLong(pause / 2, pause + 1);
    isPausing = true;
    thread.schedule(
        guarded(
            () -> {
              isPausing = false;
              send();
            }),
        Math.max(spread, Interrupts.roundUpToMillis(error.retryDelay())),
        TimeUnit.MILLISECONDS);
  }

  /** Returns work whose failure every call that logs throws; the next check tries it again. */
  private Runnable guarded(Runnable work) {
    return () -> {
      try {
        work.run();
      } catch (Throwable error) {
        LOG.log(System.Logger.Level.ERROR, "what was logged cannot be sent", error);
        outbox.unanswered.setUploaderError(
            TrackingException.internal(
                "UPLOADER_FAILED", "what was logged cannot be sent: " + error, error));
      }
    };
  }

  private void execute(Runnable work) {
    try {
      thread.execute(guarded(work));
    } catch (RejectedExecutionException closed) {
      // The thread has ended with the client.
    }
  }
}
