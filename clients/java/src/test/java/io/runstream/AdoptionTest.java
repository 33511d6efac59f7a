package io.runstream;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.runstream.testing.Proxy;
import io.runstream.testing.Python;
import io.runstream.v1.Run;
import io.runstream.v1.RunStatus;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What a process left in the spool is delivered by the next one that logs to the same server. */
@Timeout(240)
class AdoptionTest extends SpooledTest {

  /** Starts a run, looks at what others have left, and ends when its input does. */
  public static final class Next {
    public static void main(String[] arguments) throws Exception {
      try (TrackingClient client = TrackingClient.connect(arguments[0])) {
        client.startRun("next");
        System.out.println("connected");
        System.in.read();
      }
    }
  }

  @Test
  void whatAKilledProgramLoggedWithoutAServerIsDeliveredByTheNextOne() throws Exception {
    server.kill();
    String id = leave(server.uri(), 1_000);
    server.restart();
    try (TrackingClient client = connect()) {
      RunHandle run = client.startRun("next");
      awaitFolders(1); // its own
      Run left = client.runs().get(id);
      assertEquals("left", left.getInfo().getRunName());
      assertEquals(RunStatus.RUNNING, left.getInfo().getStatus());
      assertEquals(1_000, client.histories().get(id, "loss").size());
      run.close();
    }
    assertEquals(List.of(), folders());
  }

  @Test
  void whatAPythonProgramLeftIsDelivered() throws Exception {
    server.kill();
    String id =
        python(
            "import runstream, sys",
            "runstream.set_tracking_uri(sys.argv[1])",
            "with runstream.start_run(run_name='python') as run:",
            "    for step in range(1000):",
            "        runstream.log_metric('loss', step, step)",
            "    print(run.info.run_id)");
    assertEquals(1, folders().size());
    server.restart();
    try (TrackingClient client = connect()) {
      client.startRun("next").close();
      awaitFolders(1);
      assertEquals(RunStatus.FINISHED, client.runs().get(id).getInfo().getStatus());
      assertEquals(1_000, client.histories().get(id, "loss").size());
    }
  }

  @Test
  void aFolderThatAnotherProcessDeliversIsLeftToIt() throws Exception {
    server.kill();
    String id = leave(server.uri(), 1_000);
    Path left = folders().get(0);
    server.restart();
    Process other =
        new ProcessBuilder(
                Python.ROOT.resolve(".venv/bin/python").toString(),
                "-c",
                "import fcntl, sys; file = open(sys.argv[1], 'r+b');"
                    + "fcntl.lockf(file, fcntl.LOCK_EX); print('locked', flush=True);"
                    + "sys.stdin.read()",
                left.resolve("delivery.lock").toString())
            .start();
    assertEquals("locked", firstLine(other));
    try (TrackingClient client = connect()) {
      client.startRun("next");
      awaitPass(client);
      assertTrue(Files.exists(left));
      other.destroyForcibly().waitFor();
      client.adoption().look();
      awaitFolders(1);
      assertEquals(1_000, client.histories().get(id, "loss").size());
    }
  }

  @Test
  void twoProcessesAtOnceDeliverItOnce() throws Exception {
    try (Proxy proxy = new Proxy(server.port())) {
      server.kill();
      int count = 500_000; // which take two seconds
      String id = leave(proxy.uri(), count);
      long size = Folders.countBytes(folders().get(0));
      assertTrue(size > 8 << 20, size + " bytes");
      server.restart();
      long before = proxy.forwarded();
      Process other = start(Next.class, proxy.uri());
      assertEquals("connected", firstLine(other));
      try (TrackingClient client = connect(proxy.uri())) {
        client.startRun("next");
        awaitFolders(2);
        long forwarded = proxy.forwarded() - before;
        assertTrue(forwarded < size * 3 / 2, forwarded + " of " + size + " bytes");
        other.destroyForcibly().waitFor();
      }
      try (TrackingClient client = TrackingClient.connect(server.uri())) {
        assertEquals(count, client.histories().get(id, "loss").size());
      }
    }
  }

  @Test
  void filesThatAPythonProgramKeptAreUploaded() throws Exception {
    server.kill();
    Path file = Files.writeString(folder.resolve("notes.txt"), "notes");
    String id =
        python(
            "import runstream, sys",
            "runstream.set_tracking_uri(sys.argv[1])",
            "with runstream.start_run() as run:",
            "    runstream.log_artifact('" + file + "', synchronous=False)",
            "    print(run.info.run_id)");
    Path left = folders().get(0);
    server.restart();
    try (TrackingClient client = connect()) {
      client.startRun("next");
      awaitFolders(1);
      assertEquals(RunStatus.FINISHED, client.runs().get(id).getInfo().getStatus());
      assertArrayEquals(
          "notes".getBytes(StandardCharsets.UTF_8), client.artifacts().read(id, "notes.txt"));
    }
  }

  @Test
  void aRunWhoseStartIsInALaterFolderIsStartedFirst() throws Exception {
    server.kill();
    String id = leave(server.uri(), 100);
    Path first = folders().get(0);
    leave(server.uri(), 100, id);
    Path info = first.resolve("spool.json"); // now the later one
    String text = Files.readString(info);
    Files.writeString(info, text.replaceAll("(\"created\": \")1", "$12"));
    server.restart();
    try (TrackingClient client = connect()) {
      client.startRun("next");
      awaitFolders(1);
      assertEquals(100, client.histories().get(id, "loss").size());
      assertEquals(100, client.histories().get(id, "more").size());
    }
  }
}
