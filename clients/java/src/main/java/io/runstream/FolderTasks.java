package io.runstream;

import com.google.protobuf.InvalidProtocolBufferException;
import io.grpc.Status;
import io.runstream.v1.ArtifactServiceGrpc;
import io.runstream.v1.ArtifactServiceGrpc.ArtifactServiceBlockingStub;
import io.runstream.v1.BatchError;
import io.runstream.v1.CreateLoggedModelRequest;
import io.runstream.v1.GetRunRequest;
import io.runstream.v1.LoggedModelServiceGrpc;
import io.runstream.v1.LoggedModelServiceGrpc.LoggedModelServiceBlockingStub;
import io.runstream.v1.LoggingServiceGrpc;
import io.runstream.v1.LoggingServiceGrpc.LoggingServiceBlockingStub;
import io.runstream.v1.RunServiceGrpc;
import io.runstream.v1.RunServiceGrpc.RunServiceBlockingStub;
import io.runstream.v1.SpoolTask;
import io.runstream.v1.SpoolUpload;
import java.io.IOException;
import java.nio.file.Path;

/**
 * The tasks of a folder whose writer is gone: files to upload and calls about logged models, done
 * in their order by the thread that has the right to it, once all batches are delivered.
 */
final class FolderTasks {
  private final SpoolFolder folder;
  private final Calls calls;
  private final Pace pace;
  private final SetAside setAside;
  private final RunServiceBlockingStub runs;
  private final LoggingServiceBlockingStub logs;
  private final LoggedModelServiceBlockingStub models;
  private final ArtifactServiceBlockingStub artifacts;
  private long done;

  FolderTasks(SpoolFolder folder, Calls calls, Pace pace) {
    this.folder = folder;
    this.calls = calls;
    this.pace = pace;
    setAside = new SetAside(folder, folder.tasks(), "task", "tasks");
    runs = RunServiceGrpc.newBlockingStub(calls.channel).withWaitForReady();
    logs = LoggingServiceGrpc.newBlockingStub(calls.channel).withWaitForReady();
    models = LoggedModelServiceGrpc.newBlockingStub(calls.channel).withWaitForReady();
    artifacts = ArtifactServiceGrpc.newBlockingStub(calls.channel).withWaitForReady();
  }

  /**
   * Does tasks until none is left, or it is over.
   *
   * @return whether all are done
   * @throws TrackingException if the server does not take one now
   * @throws IOException if a file cannot be read or written
   */
  boolean deliver() throws IOException {
    if (LogFiles.countBytes(folder.tasks(), Cursor.read(folder.tasks())) == 0) {
      return true;
    }
    try (Cursor cursor = new Cursor(folder.tasks());
        LogReader reader = new LogReader(folder.tasks(), cursor.place(), setAside)) {
      while (!pace.isOver()) {
        byte[] payload = reader.next(false);
        if (payload == null) {
          cursor.move(reader.place());
          return true;
        }
        SpoolTask task = parse(payload);
        if (task == null) {
          Place end = reader.place();
          long size = (long) Frames.HEADER_BYTES + payload.length;
          setAside.onDamage(new Place(end.file, end.offset - size), size, false);
        } else {
          doOrRefuse(task);
        }
        cursor.move(reader.place());
      }
      return false;
    } finally {
      setAside.warnOfRefused();
    }
  }

  /** Returns whether nothing was done. */
  boolean isEmpty() {
    return done == 0;
  }

  /** Returns what was done, for people. */
  @Override
  public String toString() {
    return done == 1 ? "1 upload" : done + " uploads";
  }

  private static SpoolTask parse(byte[] payload) {
    try {
      return SpoolTask.parseFrom(payload);
    } catch (InvalidProtocolBufferException malformed) {
      return null;
    }
  }

  private void doOrRefuse(SpoolTask task) throws IOException {
    try {
      doTask(task);
      done++;
    } catch (TrackingException error) {
      if (saysNothingOfTask(error)) {
        throw error;
      }
      setAside.refuse(error, KeptRefusals.toMessage(error).setTask(task));
    }
  }

  private static boolean saysNothingOfTask(TrackingException error) {
    switch (error.code()) {
      case UNAVAILABLE:
      case DEADLINE_EXCEEDED:
      case INTERNAL:
      case UNAUTHENTICATED:
      case UNKNOWN:
      case CANCELLED:
        return true;
      default:
        return error.mayWorkLater();
    }
  }

  /** Does what a task says; doing it again changes nothing. */
  private void doTask(SpoolTask task) throws IOException {
    switch (task.getTaskCase()) {
      case UPLOAD:
        upload(task.getUpload());
        break;
      case CREATE_MODEL:
        createModel(task.getCreateModel());
        break;
      case LOG_MODEL_PARAMS:
        calls.call(models, stub -> stub.logLoggedModelParams(task.getLogModelParams()));
        break;
      case SET_MODEL_TAGS:
        calls.call(models, stub -> stub.setLoggedModelTags(task.getSetModelTags()));
        break;
      case FINALIZE_MODEL:
        calls.call(models, stub -> stub.finalizeLoggedModel(task.getFinalizeModel()));
        break;
      case LOG_POINTS:
        calls.call(logs, stub -> stub.log(task.getLogPoints()));
        break;
      default:
        throw lossError("a newer version wrote this task", "TASK_UNKNOWN");
    }
  }

  private void upload(SpoolUpload upload) throws IOException {
    Path content = folder.path.resolve("files").resolve(Path.of(upload.getFile()).getFileName());
    String owner = upload.getRunId().isEmpty() ? upload.getModelId() : upload.getRunId();
    SpoolContent source = new SpoolContent(content, upload.getSize(), pace);
    source.check();
    new Upload(calls, artifacts, owner, upload.getPath(), source).run();
  }

  /** Creates a logged model, in the experiment of its run if the request names none. */
  private void createModel(CreateLoggedModelRequest request) {
    CreateLoggedModelRequest.Builder complete = request.toBuilder();
    if (!request.getSourceRunId().isEmpty() && request.getExperimentId().isEmpty()) {
      GetRunRequest question =
          GetRunRequest.newBuilder().setRunId(request.getSourceRunId()).build();
      complete.setExperimentId(
          calls.call(runs, stub -> stub.getRun(question)).getRun().getInfo().getExperimentId());
    }
    calls.call(models, stub -> stub.createLoggedModel(complete.build()));
  }

  /** Returns the error of a task that cannot be done with what is in the folder. */
  static TrackingException lossError(String message, String reason) {
    return TrackingException.of(
        BatchError.newBuilder()
            .setCode(Status.Code.DATA_LOSS.value())
            .setMessage(message)
            .setReason(reason)
            .build());
  }
}
