package io.runstream;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;

/** Moves several files at the same time. */
final class Transfers {
  private static final int MAX_CONCURRENT = 4;
  private static final int END_SECONDS = 10;

  /** Moves one file. */
  interface Transfer<F, R> {
    R move(F file) throws IOException;
  }

  private Transfers() {}

  /** Moves files and returns the results. The first error stops the moves that are under way. */
  static <F, R> List<R> moveAll(Collection<F> files, Transfer<F, R> transfer) throws IOException {
    ExecutorService threads = Executors.newFixedThreadPool(MAX_CONCURRENT);
    try {
      List<Future<R>> moves = new ArrayList<>();
      for (F file : files) {
        Callable<R> move = () -> transfer.move(file);
        moves.add(threads.submit(move));
      }
      List<R> results = new ArrayList<>();
      for (Future<R> move : moves) {
        results.add(move.get());
      }
      return results;
    } catch (InterruptedException interrupt) {
      Thread.currentThread().interrupt();
      throw TrackingException.interrupted();
    } catch (ExecutionException error) {
      throw unwrap(error);
    } finally {
      threads.shutdownNow(); // which interrupts those under way
      awaitEnd(threads);
    }
  }

  private static void awaitEnd(ExecutorService threads) {
    try {
      threads.awaitTermination(END_SECONDS, TimeUnit.SECONDS);
    } catch (InterruptedException interrupt) {
      Thread.currentThread().interrupt();
    }
  }

  private static IOException unwrap(ExecutionException error) {
    if (error.getCause() instanceof IOException) {
      return (IOException) error.getCause();
    }
    if (error.getCause() instanceof RuntimeException) {
      throw (RuntimeException) error.getCause();
    }
    throw new IllegalStateException(error.getCause());
  }
}
