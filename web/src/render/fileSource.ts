// A file of which a worker reads parts.

export interface FileSource {
  name: string;
  size: number;
  /** Returns bytes from `start` to before `end`, fewer where the file ends. */
  read(start: number, end: number): Promise<Uint8Array<ArrayBuffer>>;
  /** Says that a part is done, and gives the next as much time. */
  step(): void;
}

/** Why a file is not shown, for the person who wants to see it. */
export class FileProblem extends Error {}

/** Reads a whole file as text; of a larger one the first bytes, and says so. */
export async function readText(file: FileSource, most: number): Promise<[string, boolean]> {
  const bytes = await file.read(0, Math.min(file.size, most));
  return [new TextDecoder().decode(bytes), file.size <= most];
}

/** Reads a whole file as JSON. */
export async function readJson(file: FileSource, most: number): Promise<unknown> {
  const [text, isWhole] = await readText(file, most);
  if (!isWhole) throw new FileProblem("This file is too large to be shown.");
  try {
    return JSON.parse(text);
  } catch {
    throw new FileProblem("This file is no JSON.");
  }
}

/** Returns what is an object, with values that are not known; nothing for anything else. */
export function objectOf(value: unknown): Record<string, unknown> | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
}
