package io.runstream;

import io.runstream.v1.ArtifactServiceGrpc;
import io.runstream.v1.ArtifactServiceGrpc.ArtifactServiceBlockingStub;
import io.runstream.v1.DeleteArtifactsRequest;
import io.runstream.v1.FileInfo;
import io.runstream.v1.GetArtifactRequest;
import io.runstream.v1.ListArtifactsRequest;
import io.runstream.v1.ListArtifactsResponse;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The artifacts of runs: files of any size, in folders; see {@link TrackingClient#artifacts}.
 *
 * <p>Files are streamed in constant memory. A transfer that breaks off goes on where it stopped,
 * its SHA-256 is checked at both ends, and half a file is never to be seen.
 *
 * <p>A path is relative to the artifacts of the run, with {@code /} between its parts.
 */
public final class Artifacts {
  private static final int MAX_FILES = 1_000_000;
  private static final long MAX_BYTES_IN_MEMORY = Integer.MAX_VALUE - 16;

  private final Calls calls;
  private final ArtifactServiceBlockingStub stub;

  Artifacts(Calls calls) {
    this.calls = calls;
    this.stub = ArtifactServiceGrpc.newBlockingStub(calls.channel).withWaitForReady();
  }

  /**
   * Uploads a file. One that was there under its path is replaced.
   *
   * @param runId the run
   * @param file the file on this machine
   * @param path where it goes, such as {@code models/best.onnx}
   * @return what the server has now
   * @throws IOException if the file cannot be read
   * @throws TrackingException {@code INVALID_ARGUMENT}, such as for what is no regular file, {@code
   *     NOT_FOUND}, {@code FAILED_PRECONDITION} if the run is deleted, the path is a folder, or the
   *     file changed meanwhile ({@code FILE_CHANGED})
   */
  public FileInfo upload(String runId, Path file, String path) throws IOException {
    Rules.checkArtifactPath("artifact_path", path);
    return new Upload(calls, stub, runId, path, new LocalFile(file)).run();
  }

  /**
   * Uploads content that is in memory. What was there under its path is replaced.
   *
   * @param runId the run
   * @param content the bytes
   * @param path where they go, such as {@code notes/summary.txt}
   * @return what the server has now
   * @throws TrackingException as {@link #upload(String, Path, String)}
   */
  public FileInfo upload(String runId, byte[] content, String path) {
    Rules.checkArtifactPath("artifact_path", path);
    try {
      return new Upload(calls, stub, runId, path, new MemorySource(content)).run();
    } catch (IOException impossible) {
      throw new IllegalStateException(impossible);
    }
  }

  /**
   * Uploads all files below a folder, several at a time. Links are followed. All paths are checked
   * before the first file is uploaded.
   *
   * @param runId the run
   * @param folder the folder on this machine
   * @param path where its content goes; {@code ""} for the top
   * @return what the server has now, file by file
   * @throws IOException if the folder or a file cannot be read, or a link leads to a folder that it
   *     lies in
   * @throws TrackingException as {@link #upload(String, Path, String)}; files that were uploaded
   *     before stay there
   */
  public List<FileInfo> uploadFolder(String runId, Path folder, String path) throws IOException {
    Map<String, LocalFile> files = new LinkedHashMap<>();
    for (Path file : Folders.filesBelow(folder)) {
      String name = Folders.toArtifactPath(folder.relativize(file));
      String target = path.isEmpty() ? name : path + "/" + name;
      Rules.checkArtifactPath("artifact_path", target);
      files.put(target, new LocalFile(file));
    }
    return Transfers.moveAll(
        files.entrySet(),
        file -> new Upload(calls, stub, runId, file.getKey(), file.getValue()).run());
  }

  /**
   * Downloads a file.
   *
   * @param runId the run
   * @param path its path
   * @param destination where it goes on this machine; what is there is replaced, at the end
   * @throws IOException if it cannot be written
   * @throws TrackingException {@code INVALID_ARGUMENT}, {@code NOT_FOUND}, or {@code
   *     FAILED_PRECONDITION} if it was replaced meanwhile ({@code ARTIFACT_REPLACED})
   */
  public void download(String runId, String path, Path destination) throws IOException {
    download(runId, path, Long.MAX_VALUE).writeTo(destination);
  }

  /**
   * Downloads a small file to memory.
   *
   * @param runId the run
   * @param path its path
   * @return its content
   * @throws TrackingException as {@link #download(String, String, Path)}; {@code
   *     FAILED_PRECONDITION} if it has more bytes than an array ({@code ARTIFACT_TOO_LARGE})
   */
  public byte[] read(String runId, String path) {
    ByteArrayOutputStream content = new ByteArrayOutputStream();
    try {
      download(runId, path, MAX_BYTES_IN_MEMORY).writeTo(content);
    } catch (IOException impossible) {
      throw new IllegalStateException(impossible);
    }
    return content.toByteArray();
  }

  /**
   * Downloads all files below a folder, several at a time.
   *
   * @param runId the run
   * @param path the folder, whose own path is no part of theirs, or one file; {@code ""} for all
   *     artifacts of the run
   * @param destination the folder on this machine, made where it is missing; nothing is written
   *     outside of it, whatever the server says and whatever links are in it
   * @return the files on this machine
   * @throws IOException if they cannot be written
   * @throws TrackingException as {@link #download(String, String, Path)}
   */
  public List<Path> downloadFolder(String runId, String path, Path destination) throws IOException {
    ListArtifactsRequest request =
        ListArtifactsRequest.newBuilder().setRunId(runId).setPath(path).setRecursive(true).build();
    Map<String, Path> targets = new LinkedHashMap<>();
    Iterator<FileInfo> files = list(request);
    while (files.hasNext()) {
      String file = files.next().getPath();
      targets.put(file, Folders.resolveTarget(destination, path, file));
      if (targets.size() > MAX_FILES) {
        throw TrackingException.malformed("the server lists more than " + MAX_FILES + " files");
      }
    }
    return Transfers.moveAll(
        targets.entrySet(),
        file -> {
          Folders.checkNoLinks(destination, file.getValue());
          download(runId, file.getKey(), file.getValue());
          return file.getValue();
        });
  }

  /**
   * Lists a folder by path.
   *
   * @param runId the run
   * @param path the folder; {@code ""} for all artifacts of the run
   * @return its files and folders, read page by page as they are taken; none, if it is not there
   */
  public Iterator<FileInfo> list(String runId, String path) {
    return list(ListArtifactsRequest.newBuilder().setRunId(runId).setPath(path).build());
  }

  /**
   * Lists a folder by path.
   *
   * @param request which folder, and whether all files below it; {@code max_results} is the size of
   *     a page
   * @return files and folders, read page by page as they are taken; it throws {@link
   *     TrackingException} as calls do
   */
  public Iterator<FileInfo> list(ListArtifactsRequest request) {
    return new Pages<>(
        token -> {
          ListArtifactsRequest page = request.toBuilder().setPageToken(token).build();
          return calls.call(stub, service -> service.listArtifacts(page));
        },
        ListArtifactsResponse::getFilesList,
        ListArtifactsResponse::getNextPageToken);
  }

  /**
   * Says what a file or folder is.
   *
   * @param runId the run
   * @param path its path
   * @return its size, SHA-256 and time
   * @throws TrackingException {@code INVALID_ARGUMENT} or {@code NOT_FOUND}
   */
  public FileInfo get(String runId, String path) {
    GetArtifactRequest request =
        GetArtifactRequest.newBuilder().setRunId(runId).setPath(path).build();
    return calls.call(stub, service -> service.getArtifact(request)).getFile();
  }

  /**
   * Deletes a file, or a folder with all that is below it, for good.
   *
   * @param runId the run
   * @param path its path; {@code ""} for all artifacts of the run
   * @throws TrackingException {@code INVALID_ARGUMENT}, {@code NOT_FOUND}, or {@code
   *     FAILED_PRECONDITION} if the run is deleted
   */
  public void delete(String runId, String path) {
    DeleteArtifactsRequest request =
        DeleteArtifactsRequest.newBuilder().setRunId(runId).setPath(path).build();
    calls.call(stub, service -> service.deleteArtifacts(request));
  }

  private Download download(String runId, String path, long maxBytes) {
    return new Download(
        calls,
        ArtifactServiceGrpc.newStub(calls.channel).withWaitForReady(),
        runId,
        path,
        maxBytes);
  }
}
