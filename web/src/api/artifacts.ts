// Artifacts of runs.

import { accepted } from "./apiError";
import { ApiError, answered, api, reach, type Schemas } from "./client";
import { LONG_MS } from "./deadline";

export interface Artifact {
  path: string;
  name: string;
  isFolder: boolean;
  size: number;
  sha256: string;
  /** Milliseconds since the epoch; 0 of a folder. */
  uploaded: number;
}

// Bytes of a file that are shown as text.
export const TEXT_BYTES = 1_000_000;
/** Files of a run that are looked through, at most. */
export const MOST_FOUND = 50_000;
const PAGE = 10_000;

/** Lists a folder of a run; the empty path is all that it has. */
export function listFolder(runId: string, path: string): Promise<Artifact[]> {
  return list(runId, path, false);
}

/** Lists the files of a run below a folder, at any depth; the first `MOST_FOUND`. */
export function listFiles(runId: string, path = ""): Promise<Artifact[]> {
  return list(runId, path, true);
}

/** Returns the first files of a run by their paths, at any depth, and whether there are more. */
export async function firstFiles(
  runId: string,
  most: number,
): Promise<{ files: Artifact[]; more: boolean }> {
  const query = { run_id: runId, path: "", recursive: true, max_results: most };
  const page = await answered(api.GET("/api/2.0/mlflow/artifacts/list", { params: { query } }));
  return { files: (page.files ?? []).map(artifactOf), more: !!page.next_page_token };
}

/** Returns what a file is by now. */
export async function findArtifact(runId: string, path: string): Promise<Artifact> {
  const query = { run_id: runId, path };
  const found = await answered(api.GET("/api/1.0/runstream/artifacts/get", { params: { query } }));
  return artifactOf(found.file ?? {});
}

async function list(runId: string, path: string, recursive: boolean): Promise<Artifact[]> {
  const found: Artifact[] = [];
  let token = "";
  do {
    const page = await answered(
      api.GET("/api/2.0/mlflow/artifacts/list", {
        params: { query: { run_id: runId, path, recursive, max_results: PAGE, page_token: token } },
      }),
    );
    found.push(...(page.files ?? []).map(artifactOf));
    token = page.next_page_token ?? "";
  } while (token && !(recursive && found.length >= MOST_FOUND));
  return found;
}

/** Returns the address of a file, shown as what it is. */
export function fileUrl(runId: string, path: string): string {
  return `api/1.0/runstream/artifacts/file?${new URLSearchParams({ run_id: runId, path })}`;
}

/** Returns the address of a folder as a zip. */
export function zipUrl(runId: string, path: string): string {
  return `api/1.0/runstream/artifacts/zip?${new URLSearchParams({ run_id: runId, path })}`;
}

/** Returns the beginning of a file as text. */
export async function readText(runId: string, path: string): Promise<string> {
  return new TextDecoder().decode(await readBytes(runId, path, 0, TEXT_BYTES));
}

/**
 * Returns the bytes of a file from `start` to before `end`: fewer, or none, where it ends sooner. With
 * a digest they are of that content alone: raises ApiError if the file has another by now.
 */
export async function readBytes(
  runId: string,
  path: string,
  start: number,
  end: number,
  sha256 = "",
): Promise<ArrayBuffer> {
  const headers: Record<string, string> = { range: `bytes=${start}-${end - 1}` };
  if (sha256) headers["if-range"] = `"${sha256}"`;
  const response = await reach(fileUrl(runId, path), { headers }, LONG_MS);
  // An empty file has no range that could be sent.
  if (response.status === 416) return new ArrayBuffer(0);
  await accepted(response);
  if (sha256 && response.status !== 206) {
    await response.body?.cancel();
    throw new ApiError("FILE_REPLACED", "The file was replaced since it was listed.");
  }
  return response.arrayBuffer();
}

function artifactOf(file: Schemas["FileInfo"]): Artifact {
  const { path = "", is_dir: isFolder = false, file_size: size = 0, sha256 = "" } = file;
  const name = path.slice(path.lastIndexOf("/") + 1);
  return { path, name, isFolder, size, sha256, uploaded: file.upload_time ?? 0 };
}
