package io.runstream;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.Any;
import com.google.protobuf.ByteString;
import com.google.rpc.Code;
import com.google.rpc.RequestInfo;
import io.grpc.BindableService;
import io.grpc.Grpc;
import io.grpc.InsecureServerCredentials;
import io.grpc.Server;
import io.grpc.ServerBuilder;
import io.grpc.Status;
import io.grpc.protobuf.StatusProto;
import io.grpc.stub.StreamObserver;
import io.runstream.v1.ArtifactServiceGrpc.ArtifactServiceImplBase;
import io.runstream.v1.BatchError;
import io.runstream.v1.DownloadArtifactRequest;
import io.runstream.v1.DownloadArtifactResponse;
import io.runstream.v1.FileInfo;
import io.runstream.v1.GetRunRequest;
import io.runstream.v1.GetRunResponse;
import io.runstream.v1.ListArtifactsRequest;
import io.runstream.v1.ListArtifactsResponse;
import io.runstream.v1.MetricServiceGrpc.MetricServiceImplBase;
import io.runstream.v1.MetricTable;
import io.runstream.v1.ReadMetricHistoryRequest;
import io.runstream.v1.ReadMetricHistoryResponse;
import io.runstream.v1.Run;
import io.runstream.v1.RunInfo;
import io.runstream.v1.RunServiceGrpc.RunServiceImplBase;
import io.runstream.v1.RunStatus;
import io.runstream.v1.SearchRunsRequest;
import io.runstream.v1.SearchRunsResponse;
import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.function.IntFunction;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Servers whose answers break the contract: the client writes nowhere else, ends, and says so. */
@Timeout(60)
class HostileServerTest {
  private static final String RUN = "0".repeat(32);
  private static final byte[] CONTENT = {1, 2, 3};

  /** Lists names of a test's choice, and sends what it likes for each. */
  static final class Store extends ArtifactServiceImplBase {
    final List<String> names;
    final List<DownloadArtifactResponse> answers;
    boolean endlessly;

    Store(List<String> names, DownloadArtifactResponse... answers) {
      this.names = names;
      this.answers = List.of(answers);
    }

    @Override
    public void listArtifacts(
        ListArtifactsRequest request, StreamObserver<ListArtifactsResponse> to) {
      ListArtifactsResponse.Builder page = ListArtifactsResponse.newBuilder();
      names.forEach(name -> page.addFiles(FileInfo.newBuilder().setPath(name)));
      to.onNext(page.build());
      to.onCompleted();
    }

    @Override
    public void downloadArtifact(
        DownloadArtifactRequest request, StreamObserver<DownloadArtifactResponse> to) {
      answers.forEach(to::onNext);
      if (!endlessly) {
        to.onCompleted();
      }
    }
  }

  @TempDir Path folder;
  private final List<Server> servers = new ArrayList<>();

  @AfterEach
  void stop() {
    servers.forEach(Server::shutdownNow);
  }

  @Test
  void aNameThatLeadsOutOfTheDestinationIsRefused() throws Exception {
    Path work = Files.createDirectories(folder.resolve("work/in"));
    List<Path> destinations =
        List.of(work, work.resolve("."), work.resolve(".."), Path.of(""), Path.of(".."));
    for (String name : List.of("../evil", "/tmp/evil", "a/../../evil", "a\\..\\evil", "", "a/")) {
      try (TrackingClient client = connect(new Store(List.of(name), file(3), chunk()))) {
        for (Path destination : destinations) {
          assertThrows(
              TrackingException.class,
              () -> client.artifacts().downloadFolder(RUN, "", destination),
              name + " to " + destination);
        }
      }
    }
    try (var left = Files.walk(folder)) {
      assertFalse(left.anyMatch(Files::isRegularFile));
    }
  }

  @Test
  void aNameThatWasNotAskedForIsRefused() throws Exception {
    for (String name : List.of("other/file", "dat", "database/file")) {
      try (TrackingClient client = connect(new Store(List.of(name), file(3), chunk()))) {
        TrackingException error =
            assertThrows(
                TrackingException.class,
                () -> client.artifacts().downloadFolder(RUN, "data", folder.resolve("to")));
        assertEquals("ANSWER_MALFORMED", error.reason());
      }
    }
  }

  @Test
  void aLinkInTheDestinationIsNotFollowed() throws Exception {
    Path elsewhere = Files.createDirectory(folder.resolve("elsewhere"));
    Path real = Files.createDirectory(folder.resolve("real"));
    Files.createSymbolicLink(real.resolve("sub"), elsewhere);
    Files.createFile(elsewhere.resolve("precious"));
    Files.createSymbolicLink(real.resolve("file"), elsewhere.resolve("precious"));
    Path destination = Files.createSymbolicLink(folder.resolve("mine"), real);
    try (TrackingClient client = connect(new Store(List.of("sub/file"), file(3), chunk()))) {
      assertThrows(
          FileSystemException.class, () -> client.artifacts().downloadFolder(RUN, "", destination));
    }
    try (TrackingClient client = connect(new Store(List.of("file"), file(3), chunk()))) {
      client.artifacts().downloadFolder(RUN, "", destination); // in place of the link
    }
    assertEquals(3, Files.size(real.resolve("file")));
    assertEquals(0, Files.size(elsewhere.resolve("precious")));
    try (var there = Files.list(elsewhere)) {
      assertEquals(1, there.count());
    }
  }

  @Test
  void moreBytesThanTheFileHasAreNotWritten() throws Exception {
    List<Store> servers =
        List.of(
            new Store(List.of(), file(2), chunk()),
            new Store(List.of(), file(3), chunk(), chunk()),
            new Store(List.of(), file(3), DownloadArtifactResponse.getDefaultInstance()),
            new Store(List.of(), chunk()),
            new Store(List.of(), file(-1), chunk()));
    for (Store server : servers) {
      server.endlessly = true;
      try (TrackingClient client = connect(server)) {
        Path to = folder.resolve("to/file");
        TrackingException error =
            assertThrows(
                TrackingException.class, () -> client.artifacts().download(RUN, "file", to));
        assertEquals("ARTIFACT_CORRUPT", error.reason());
        try (var left = Files.list(to.getParent())) {
          assertEquals(0, left.count());
        }
      }
    }
  }

  @Test
  void aFileThatNoArrayHoldsIsNotReadIntoMemory() throws Exception {
    try (TrackingClient client = connect(new Store(List.of(), file(1L << 40), chunk()))) {
      TrackingException error =
          assertThrows(TrackingException.class, () -> client.artifacts().read(RUN, "file"));
      assertEquals("ARTIFACT_TOO_LARGE", error.reason());
    }
  }

  @Test
  void pagesWithoutAnEndHaveOne() throws Exception {
    List<IntFunction<SearchRunsResponse.Builder>> pages =
        List.of(
            page -> SearchRunsResponse.newBuilder().setNextPageToken("again"),
            page -> SearchRunsResponse.newBuilder().setNextPageToken("page " + page));
    for (IntFunction<SearchRunsResponse.Builder> page : pages) {
      RunServiceImplBase service =
          new RunServiceImplBase() {
            private int asked;

            @Override
            public void searchRuns(
                SearchRunsRequest request, StreamObserver<SearchRunsResponse> to) {
              to.onNext(page.apply(++asked).build());
              to.onCompleted();
            }
          };
      try (TrackingClient client = connect(service)) {
        Iterator<Run> runs = client.runs().search(SearchRunsRequest.getDefaultInstance());
        TrackingException error = assertThrows(TrackingException.class, runs::hasNext);
        assertEquals("ANSWER_MALFORMED", error.reason());
      }
    }
  }

  @Test
  void aStatusThatIsUnknownIsOneOfItsOwn() throws Exception {
    RunServiceImplBase service =
        new RunServiceImplBase() {
          @Override
          public void getRun(GetRunRequest request, StreamObserver<GetRunResponse> to) {
            RunInfo info = RunInfo.newBuilder().setStatusValue(99).build();
            to.onNext(GetRunResponse.newBuilder().setRun(Run.newBuilder().setInfo(info)).build());
            to.onCompleted();
          }
        };
    try (TrackingClient client = connect(service)) {
      assertEquals(RunStatus.UNRECOGNIZED, client.runs().get(RUN).getInfo().getStatus());
    }
  }

  @Test
  void columnsThatDoNotFitAreAnErrorOfTheServer() throws Exception {
    MetricTable row =
        MetricTable.newBuilder()
            .addKeys("loss")
            .addCounts(1)
            .addStep(1)
            .addTimestamp(1)
            .addValue(1)
            .build();
    List<MetricTable> tables =
        List.of(
            MetricTable.getDefaultInstance(),
            row.toBuilder().clearKeys().build(),
            row.toBuilder().setCounts(0, -1).build(),
            row.toBuilder().addKeys("acc").addCounts(0).build(),
            row.toBuilder().addValue(2).build());
    for (MetricTable table : tables) {
      MetricServiceImplBase service =
          new MetricServiceImplBase() {
            @Override
            public void readMetricHistory(
                ReadMetricHistoryRequest request, StreamObserver<ReadMetricHistoryResponse> to) {
              to.onNext(ReadMetricHistoryResponse.newBuilder().setMetrics(table).build());
            }
          };
      try (TrackingClient client = connect(service)) {
        TrackingException error =
            assertThrows(TrackingException.class, () -> client.histories().get(RUN, "loss"));
        assertEquals(Status.Code.INTERNAL, error.code());
        assertTrue(error.getMessage().contains("columns"), error.getMessage());
      }
    }
  }

  @Test
  void aFaultOfTheServerIsShownWithTheIdOfItsRequest() throws Exception {
    RunServiceImplBase runs =
        new RunServiceImplBase() {
          @Override
          public void getRun(GetRunRequest request, StreamObserver<GetRunResponse> to) {
            Any id = Any.pack(RequestInfo.newBuilder().setRequestId("3f9c").build());
            Code code = request.getRunId().equals(RUN) ? Code.INTERNAL : Code.NOT_FOUND;
            to.onError(
                StatusProto.toStatusRuntimeException(
                    com.google.rpc.Status.newBuilder()
                        .setCode(code.getNumber())
                        .setMessage("a fault")
                        .addDetails(id)
                        .build()));
          }
        };
    try (TrackingClient client = connect(runs)) {
      TrackingException fault = assertThrows(TrackingException.class, () -> client.runs().get(RUN));
      assertEquals("a fault (request 3f9c)", fault.getMessage());
      TrackingException absent =
          assertThrows(TrackingException.class, () -> client.runs().get("f".repeat(32)));
      assertEquals("a fault", absent.getMessage());
    }
    TrackingException ofBatch =
        TrackingException.of(
            BatchError.newBuilder()
                .setCode(Code.INTERNAL.getNumber())
                .setMessage("a fault")
                .setRequestId("77ab")
                .build());
    assertEquals("a fault (request 77ab)", ofBatch.getMessage());
  }

  private TrackingClient connect(BindableService service) throws IOException {
    ServerBuilder<?> builder =
        Grpc.newServerBuilderForPort(0, InsecureServerCredentials.create()).addService(service);
    Server server = builder.build().start();
    servers.add(server);
    return TrackingClient.connect("grpc://127.0.0.1:" + server.getPort());
  }

  private static DownloadArtifactResponse file(long size) {
    MessageDigest digest = Sha256.newDigest();
    digest.update(CONTENT);
    FileInfo file =
        FileInfo.newBuilder()
            .setPath("file")
            .setFileSize(size)
            .setSha256(Sha256.toHex(digest))
            .build();
    return DownloadArtifactResponse.newBuilder().setFile(file).build();
  }

  private static DownloadArtifactResponse chunk() {
    return DownloadArtifactResponse.newBuilder().setChunk(ByteString.copyFrom(CONTENT)).build();
  }
}
