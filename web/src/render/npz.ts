// Arrays that NumPy stores together: a zip of such files as npy.ts reads.

import type { ArrayFacts, ArrayMember, ArrayMembers } from "./fileQuestions";
import { FileProblem, type FileSource } from "./fileSource";
import { arrayFacts, readHeader } from "./npy";
import { entrySource, type ZipEntry, zipEntries } from "./zip";

const MOST_MEMBERS = 200;

export async function arrayMembers(file: FileSource): Promise<ArrayMembers> {
  const { entries, total } = await zipEntries(file, MOST_MEMBERS);
  const members: ArrayMember[] = [];
  for (const entry of entries) members.push(await memberOf(file, entry));
  return { members, left: total - members.length };
}

async function memberOf(file: FileSource, entry: ZipEntry): Promise<ArrayMember> {
  const name = entry.name.replace(/\.npy$/, "");
  if (name === entry.name) return { name };
  try {
    const { dtype, shape } = await readHeader(await entrySource(file, entry));
    return { name, dtype, shape };
  } catch (error) {
    if (error instanceof FileProblem) return { name };
    throw error;
  }
}

export async function memberFacts(file: FileSource, name: string): Promise<ArrayFacts> {
  const { entries } = await zipEntries(file, MOST_MEMBERS);
  const entry = entries.find((one) => one.name === `${name}.npy`);
  if (!entry) throw new FileProblem("This file has no such array.");
  return arrayFacts(await entrySource(file, entry));
}
