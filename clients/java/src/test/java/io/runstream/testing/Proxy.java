package io.runstream.testing;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.regex.Pattern;

/** A TCP proxy whose wire can be cut, or swallow everything without a word. */
public final class Proxy implements AutoCloseable {
  private final int target;
  private final ServerSocket listener;
  private final List<Socket> sockets = new CopyOnWriteArrayList<>();
  private volatile boolean silent;
  private volatile boolean mute;
  // The following are covered by the monitor.
  private long cutAt = Long.MAX_VALUE;
  private long forwarded;
  private boolean isHoldingRequests;
  private boolean isHoldingAnswers;
  private final List<Runnable> held = new ArrayList<>();
  private final StringBuilder heldText = new StringBuilder();

  /** Forwards connections to a port of this machine. */
  public Proxy(int target) {
    this.target = target;
    try {
      listener = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
    start(this::accept);
  }

  public String uri() {
    return "grpc://127.0.0.1:" + listener.getLocalPort();
  }

  /** Breaks all connections; new ones are accepted. */
  public void cut() {
    sockets.forEach(Proxy::close);
    sockets.clear();
  }

  /** Breaks all connections once this many bytes more have gone either way. */
  public synchronized void cutAfter(long bytes) {
    cutAt = forwarded + bytes;
  }

  /** The bytes that went either way. */
  public synchronized long forwarded() {
    return forwarded;
  }

  /** Returns whether what it keeps has a match, where each byte is one character. */
  public synchronized boolean holds(Pattern pattern) {
    return pattern.matcher(heldText).find();
  }

  /** From now on passes nothing on, in either direction, and closes nothing. */
  public void swallow() {
    silent = true;
  }

  /** From now on passes on what clients send, and nothing of what the server sends. */
  public void swallowAnswers() {
    mute = true;
  }

  /** From now on keeps what clients send, and what the server sends. */
  public synchronized void holdRequests() {
    isHoldingRequests = true;
    isHoldingAnswers = true;
  }

  /** From now on passes on what clients send, and keeps what the server sends. */
  public synchronized void holdAnswers() {
    isHoldingAnswers = true;
  }

  /** Passes on what it kept, where the connection is still there, and all that follows. */
  public synchronized void release() {
    isHoldingRequests = false;
    isHoldingAnswers = false;
    held.forEach(Runnable::run);
    held.clear();
    heldText.setLength(0);
  }

  /** Forwards new connections again. */
  public void heal() {
    silent = false;
    mute = false;
  }

  @Override
  public void close() {
    try {
      listener.close();
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
    cut();
  }

  private void accept() {
    try {
      while (true) {
        connect(listener.accept());
      }
    } catch (IOException closed) {
      // nobody is served any more
    }
  }

  private void connect(Socket client) {
    try {
      Socket server = new Socket(InetAddress.getLoopbackAddress(), target);
      sockets.add(client);
      sockets.add(server);
      start(() -> forward(client, server, false));
      start(() -> forward(server, client, true));
    } catch (IOException away) {
      close(client);
    }
  }

  private void forward(Socket source, Socket sink, boolean answers) {
    boolean lost = false;
    byte[] data = new byte[65_536];
    try {
      InputStream in = source.getInputStream();
      OutputStream out = sink.getOutputStream();
      for (int size; (size = in.read(data)) >= 0; ) {
        lost = lost || silent || answers && mute;
        if (!lost) {
          write(out, Arrays.copyOf(data, size), answers);
        }
        count(size);
      }
    } catch (IOException broken) {
      // as is the other side
    }
    close(source);
    close(sink);
  }

  private void write(OutputStream out, byte[] data, boolean answers) throws IOException {
    synchronized (this) {
      if (answers ? isHoldingAnswers : isHoldingRequests) {
        heldText.append(new String(data, StandardCharsets.ISO_8859_1));
        held.add(() -> writeIfOpen(out, data));
        return;
      }
    }
    out.write(data);
  }

  private static void writeIfOpen(OutputStream out, byte[] data) {
    try {
      out.write(data);
    } catch (IOException closed) {
      // its side has given the connection up, and comes again
    }
  }

  private synchronized void count(int bytes) {
    forwarded += bytes;
    if (forwarded >= cutAt) {
      cutAt = Long.MAX_VALUE;
      cut();
    }
  }

  private static void close(Socket socket) {
    try {
      socket.close();
    } catch (IOException ignored) {
      // it is gone
    }
  }

  private static void start(Runnable work) {
    Thread thread = new Thread(work, "proxy");
    thread.setDaemon(true);
    thread.start();
  }
}
