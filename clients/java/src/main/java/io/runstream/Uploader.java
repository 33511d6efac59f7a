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
 * again with growing pauses when it broke; what had no answer is then sent again, which stores
 * nothing twice (M4).
 */
final class Uploader {
  private static final System.Logger LOG = System.getLogger("io.runstream");
  private static final Duration TICK = Duration.ofMillis(20);
  private static final Duration LOOK = Duration.ofSeconds(1);
  private static final long FIRST_PAUSE = 50;
  private static final long LONGEST_PAUSE = 2_000;
  private static final Set<Status.Code> FOR_GOOD =
      EnumSet.of(
          Status.Code.INVALID_ARGUMENT,
          Status.Code.PERMISSION_DENIED,
          Status.Code.RESOURCE_EXHAUSTED,
          Status.Code.UNAUTHENTICATED,
          Status.Code.UNIMPLEMENTED);

  final Outbox outbox;
  private final ManagedChannel channel;
  private final ScheduledThreadPoolExecutor thread;
  private final AtomicBoolean collecting = new AtomicBoolean();
  private final AtomicBoolean sending = new AtomicBoolean();
  private final AtomicReference<Runnable> whenEmpty = new AtomicReference<>();
  // The following are of the thread alone.
  private LogStream stream;
  private int failures;
  private boolean pausing;
  private boolean outage;

  Uploader(ManagedChannel channel) {
    this.channel = channel;
    outbox = new Outbox(this::collectSoon, this::sendNow);
    thread = new ScheduledThreadPoolExecutor(1, Uploader::newThread);
    thread.setExecuteExistingDelayedTasksAfterShutdownPolicy(false);
    thread.scheduleWithFixedDelay(
        guarded(this::look), LOOK.toMillis(), LOOK.toMillis(), TimeUnit.MILLISECONDS);
  }

  /** Does something once, when nothing waits for an answer any more. */
  void whenEmpty(Runnable work) {
    whenEmpty.set(work);
  }

  /** Ends the stream and the thread; what is not answered by now is lost. */
  void close() {
    outbox.trouble(TrackingException.unavailable("the client is closed", null));
    execute(
        () -> {
          if (stream != null) {
            stream.close();
          }
          thread.shutdown();
        });
  }

  private static Thread newThread(Runnable work) {
    Thread thread = new Thread(work, "runstream-uploader");
    thread.setDaemon(true);
    return thread;
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
    collecting.set(false); // whoever logs from here on asks again
    outbox.buffers.drain();
  }

  private void sendNow() {
    if (sending.compareAndSet(false, true)) {
      execute(
          () -> {
            sending.set(false);
            send();
          });
    }
  }

  private void look() {
    // Otherwise the channel would wait longer and longer between its attempts to connect.
    if (channel.getState(false) == ConnectivityState.TRANSIENT_FAILURE) {
      channel.resetConnectBackoff();
    }
    outbox.giveHeartbeats();
    outbox.buffers.drain(); // what a failure may have left there
    outbox.buffers.letGoOfUnused();
    send();
    outbox.failure(null); // now it works
    Runnable end = outbox.isEmpty() ? whenEmpty.getAndSet(null) : null;
    if (end != null) {
      end.run();
    }
  }

  private void send() {
    if (outbox.isEmpty() || pausing) {
      return;
    }
    if (stream == null) {
      LogStream opened = new LogStream(outbox, this::answered, this::ended);
      LoggingServiceGrpc.newStub(channel).withWaitForReady().logBatch(opened);
      stream = opened;
    }
    stream.send();
  }

  private void answered() {
    execute(
        () -> {
          failures = 0;
          outbox.trouble(null);
          if (outage) {
            outage = false;
            LOG.log(System.Logger.Level.INFO, "{0} answers again", channel.authority());
          }
        });
  }

  private void ended(TrackingException why) {
    execute(
        () -> {
          stream = null;
          if (!outbox.isEmpty()) {
            broken(why);
          }
        });
  }

  private void broken(TrackingException why) {
    if (!outage) {
      outage = true;
      LOG.log(
          System.Logger.Level.WARNING,
          "the stream to {0} broke off ({1}); what is logged meanwhile is sent when it is back",
          channel.authority(),
          why.getMessage());
    }
    if (FOR_GOOD.contains(why.code())) {
      outbox.trouble(why);
    }
    long pause = Math.min(LONGEST_PAUSE, FIRST_PAUSE << Math.min(failures++, 10));
    // Many clients of one server must not come back at the same instant.
    long spread = ThreadLocalRandom.current().nextLong(pause / 2, pause + 1);
    pausing = true;
    thread.schedule(
        guarded(
            () -> {
              pausing = false;
              send();
            }),
        spread,
        TimeUnit.MILLISECONDS);
  }

  /** Returns work whose failure is told to all who log, and which is tried again by the look. */
  private Runnable guarded(Runnable work) {
    return () -> {
      try {
        work.run();
      } catch (Throwable error) {
        LOG.log(System.Logger.Level.ERROR, "what was logged cannot be sent", error);
        outbox.failure(
            TrackingException.internal(
                "UPLOADER_FAILED", "what was logged cannot be sent: " + error, error));
      }
    };
  }

  private void execute(Runnable work) {
    try {
      thread.execute(guarded(work));
    } catch (RejectedExecutionException closed) {
      // Nobody sends any more.
    }
  }
}
