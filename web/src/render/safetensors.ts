// The header of a file of safetensors: which tensors it has, not their values.

import type { FileTreeFacts } from "./fileQuestions";
import { FileProblem, type FileSource, objectOf } from "./fileSource";
import { type Tensor, tensorTree } from "./tensorTree";

const MOST_HEADER = 16_000_000;
const MOST_TENSORS = 50_000;

export async function tensors(file: FileSource): Promise<FileTreeFacts> {
  const head = await file.read(0, 8);
  const length = head.length === 8 ? new DataView(head.buffer).getBigUint64(0, true) : 0n;
  if (length < 2n || length > BigInt(Math.min(MOST_HEADER, file.size))) throw problem();
  const header = parsed(await file.read(8, 8 + Number(length)));
  if (!header) throw problem();
  const found: Tensor[] = [];
  for (const [name, value] of Object.entries(header)) {
    const { dtype, shape } = objectOf(value) ?? {};
    if (name !== "__metadata__" && Array.isArray(shape)) {
      found.push({ name, dtype: String(dtype), shape: shape.map(Number) });
    }
  }
  const values = found.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
  const more = Object.entries(objectOf(header.__metadata__) ?? {}).slice(0, 100);
  return {
    facts: [
      ["Tensors", found.length.toLocaleString("en")],
      ["Values", values.toLocaleString("en")],
      ...more.map(([key, value]): [string, string] => [key, String(value).slice(0, 1_000)]),
    ],
    trees: tensorTree(found.slice(0, MOST_TENSORS), /\./),
    ...(found.length > MOST_TENSORS && { note: "These are the first 50,000 tensors." }),
  };
}

function parsed(bytes: Uint8Array): Record<string, unknown> | undefined {
  try {
    return objectOf(JSON.parse(new TextDecoder().decode(bytes)));
  } catch {
    return undefined;
  }
}

function problem(): FileProblem {
  return new FileProblem("This is no file of safetensors.");
}
