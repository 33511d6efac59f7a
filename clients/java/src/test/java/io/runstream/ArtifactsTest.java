package io.runstream;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.grpc.Status;
import io.runstream.testing.Programs;
import io.runstream.testing.Proxy;
import io.runstream.v1.FileInfo;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Artifacts, up and down. */
@Timeout(120)
class ArtifactsTest extends ClientTest {
  private static final int MIB = 1024 * 1024;

  String run;

  @BeforeEach
  void prepare() {
    run = client.createRun().getRunId();
  }

  @Test
  void aFileComesBackAsItIs() throws IOException {
    Path file = random(folder.resolve("model.bin"), 5 * MIB + 17);
    FileInfo uploaded = client.artifacts().upload(run, file, "models/best.bin");
    assertEquals(5 * MIB + 17, uploaded.getFileSize());
    assertEquals(uploaded, client.artifacts().get(run, "models/best.bin"));
    Path back = folder.resolve("deep/er/best.bin");
    client.artifacts().download(run, "models/best.bin", back);
    assertSame(file, back);
    try (var left = Files.list(back.getParent())) {
      assertEquals(1, left.count(), "no draft is left");
    }
  }

  @Test
  void textComesBackAndIsReplacedAndDeleted() {
    byte[] text = "größer\n".getBytes(StandardCharsets.UTF_8);
    client.artifacts().upload(run, text, "notes/summary.txt");
    assertArrayEquals(text, client.artifacts().read(run, "notes/summary.txt"));
    client.artifacts().upload(run, new byte[0], "notes/summary.txt");
    assertArrayEquals(new byte[0], client.artifacts().read(run, "notes/summary.txt"));
    client.artifacts().delete(run, "notes");
    TrackingException error =
        assertThrows(
            TrackingException.class, () -> client.artifacts().read(run, "notes/summary.txt"));
    assertEquals(Status.Code.NOT_FOUND, error.code());
    assertFalse(client.artifacts().list(run, "").hasNext());
  }

  @Test
  void aFolderComesBackAsItIs() throws IOException {
    Path source = folder.resolve("source");
    for (int i = 0; i < 20; i++) {
      Path file = source.resolve("a" + i % 3 + "/b c/ö" + i + ".bin");
      Files.createDirectories(file.getParent());
      random(file, 1_000 * i);
    }
    List<FileInfo> uploaded = client.artifacts().uploadFolder(run, source, "data");
    assertEquals(20, uploaded.size());
    List<String> top = new ArrayList<>();
    client.artifacts().list(run, "data").forEachRemaining(file -> top.add(file.getPath()));
    assertEquals(List.of("data/a0", "data/a1", "data/a2"), top);
    Path target = folder.resolve("target");
    List<Path> files = client.artifacts().downloadFolder(run, "data", target);
    assertEquals(20, files.size());
    for (Path file : files) {
      assertSame(file, source.resolve(target.relativize(file)));
    }
  }

  @Test
  void namesThatLeaveTheRunAreRefused() throws IOException {
    for (String path : List.of("../x", "/x", "a//b", "a/./b", "a\\b", "a\0b", "")) {
      TrackingException error =
          assertThrows(
              TrackingException.class, () -> client.artifacts().upload(run, new byte[1], path));
      assertEquals(Status.Code.INVALID_ARGUMENT, error.code(), path);
    }
  }

  @Test
  void whatCannotBeReadOrWrittenIsAnErrorOfThisMachine() throws IOException {
    assertThrows(
        NoSuchFileException.class,
        () -> client.artifacts().upload(run, folder.resolve("nothing"), "x"));
    client.artifacts().upload(run, new byte[1], "x");
    Path file = Files.createFile(folder.resolve("file"));
    assertThrows(
        FileAlreadyExistsException.class,
        () -> client.artifacts().download(run, "x", file.resolve("below")));
  }

  @Test
  void aTransferThatBreaksOffGoesOnWhereItStopped() throws IOException {
    Path file = random(folder.resolve("large.bin"), 40 * MIB);
    try (Proxy proxy = new Proxy(server.port());
        TrackingClient over = TrackingClient.connect(proxy.uri())) {
      over.position(); // so that it is connected
      proxy.cutAfter(25 * MIB);
      FileInfo uploaded = over.artifacts().upload(run, file, "large.bin");
      assertEquals(40L * MIB, uploaded.getFileSize());
      long forwarded = proxy.forwarded();
      assertTrue(forwarded < 50L * MIB, "what was there was sent again: " + forwarded);
      proxy.cutAfter(25 * MIB);
      Path back = folder.resolve("back.bin");
      over.artifacts().download(run, "large.bin", back);
      assertSame(file, back);
      assertTrue(proxy.forwarded() - forwarded < 50L * MIB);
    }
  }

  @Test
  void anUploadWhoseAnswerWasLostIsNotSentAgain() throws Exception {
    byte[] content = new byte[20_000]; // which the server need not make room for
    AtomicReference<FileInfo> first = new AtomicReference<>();
    try (Proxy proxy = new Proxy(server.port());
        TrackingClient over = TrackingClient.connect(proxy.uri())) {
      over.position();
      proxy.swallowAnswers();
      Thread healer =
          new Thread(
              () -> {
                while (!client.artifacts().list(run, "").hasNext()) {
                  Thread.onSpinWait();
                }
                first.set(client.artifacts().get(run, "file.bin"));
                proxy.heal();
                proxy.cut();
              });
      healer.start();
      FileInfo uploaded = over.artifacts().upload(run, content, "file.bin");
      healer.join();
      assertEquals(first.get(), uploaded);
      assertEquals(first.get(), client.artifacts().get(run, "file.bin"), "uploaded again");
    }
  }

  @Test
  void aFileThatChangesWhileItIsUploadedIsRefused() throws IOException {
    Path file = random(folder.resolve("growing.bin"), MIB);
    LocalFile source = new LocalFile(file);
    try (OutputStream out = Files.newOutputStream(file, java.nio.file.StandardOpenOption.APPEND)) {
      out.write(1);
    }
    TrackingException error = assertThrows(TrackingException.class, source::check);
    assertEquals("FILE_CHANGED", error.reason());
  }

  /** Uploads and downloads a file, in little memory. */
  public static final class Mover {
    public static void main(String[] arguments) throws IOException {
      try (TrackingClient client = TrackingClient.connect(arguments[0])) {
        Path file = Path.of(arguments[2]);
        client.artifacts().upload(arguments[1], file, "huge.bin");
        client.artifacts().download(arguments[1], "huge.bin", Path.of(arguments[3]));
      }
    }
  }

  @Test
  void aLargeFileTakesLittleMemory() throws IOException {
    Path file = random(folder.resolve("huge.bin"), 300 * MIB);
    Path back = folder.resolve("back.bin");
    Programs.run(
        Programs.java(
            Mover.class,
            List.of("-Xmx40m", "-XX:MaxDirectMemorySize=40m"),
            server.uri(),
            run,
            file.toString(),
            back.toString()));
    assertSame(file, back);
  }

  private static void assertSame(Path one, Path other) throws IOException {
    assertEquals(digest(one), digest(other));
  }

  private static String digest(Path file) throws IOException {
    MessageDigest digest = Sha256.newDigest();
    try (InputStream content = new DigestInputStream(Files.newInputStream(file), digest)) {
      content.transferTo(OutputStream.nullOutputStream());
    }
    return Sha256.toHex(digest);
  }

  private static Path random(Path file, int size) throws IOException {
    Random random = new Random(size);
    byte[] block = new byte[MIB];
    try (OutputStream out = Files.newOutputStream(file)) {
      for (int left = size; left > 0; left -= MIB) {
        random.nextBytes(block);
        out.write(block, 0, Math.min(left, MIB));
      }
    }
    return file;
  }
}
