// Artifacts of runs.

import { answered, api, fetched, type Schemas } from "./client";

export interface Artifact {
  path: string;
  name: string;
  isFolder: boolean;
  size: number;
  sha256: string;
}

// Bytes of a file that are shown as text.
export const TEXT_BYTES = 1_000_000;
const PAGE = 10_000;

/** Lists a folder of a run; the empty path is all that it has. */
export function listFolder(runId: string, path: string): Promise<Artifact[]> {
  return list(runId, path, false);
}

/** Lists all files of a run, at any depth. */
export function listFiles(runId: string): Promise<Artifact[]> {
  return list(runId, "", true);
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
  } while (token);
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
  const headers = { range: `bytes=0-${TEXT_BYTES - 1}` };
  return (await fetched(fileUrl(runId, path), { headers })).text();
}

function artifactOf(file: Schemas["FileInfo"]): Artifact {
  const { path = "", is_dir: isFolder = false, file_size: size = 0, sha256 = "" } = file;
  return { path, name: path.slice(path.lastIndexOf("/") + 1), isFolder, size, sha256 };
}
