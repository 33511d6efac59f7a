package io.runstream;

import io.grpc.ConnectivityState;
import io.grpc.Deadline;
import io.grpc.ManagedChannel;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/**
 * The first connection of a channel, which fails at once where waiting does not help. A server that
 * has been reached may get another certificate, so later calls wait for it.
 */
final class FirstConnection {
  private final ManagedChannel channel;
  private final Supplier<TrackingException> findProblem;
  private volatile boolean wasReached;

  /**
   * Prepares for a channel.
   *
   * @param findProblem returns why it cannot connect, or null if waiting may help
   */
  FirstConnection(ManagedChannel channel, Supplier<TrackingException> findProblem) {
    this.channel = channel;
    this.findProblem = findProblem;
  }

  /** Waits for the first attempt to connect, and throws the problem that it meets, if any. */
  void await(Deadline end) {
    if (wasReached) {
      return;
    }
    ConnectivityState state = channel.getState(true);
    while (state == ConnectivityState.IDLE || state == ConnectivityState.CONNECTING) {
      if (!awaitChange(state, end)) {
        return; // the call itself says that nobody has answered
      }
      state = channel.getState(true);
    }
    if (state == ConnectivityState.READY) {
      wasReached = true;
    } else if (state == ConnectivityState.TRANSIENT_FAILURE) {
      TrackingException problem = findProblem.get();
      if (problem != null) {
        throw problem;
      }
    }
  }

  private boolean awaitChange(ConnectivityState state, Deadline end) {
    CountDownLatch changed = new CountDownLatch(1);
    channel.notifyWhenStateChanged(state, changed::countDown);
    try {
      return changed.await(end.timeRemaining(TimeUnit.NANOSECONDS), TimeUnit.NANOSECONDS);
    } catch (InterruptedException interrupt) {
      Thread.currentThread().interrupt();
      throw TrackingException.interrupted();
    }
  }
}
