// The rows of a table that are in sight: a worker is asked for them in blocks.

import { batch, createEffect, createSignal, on } from "solid-js";
import { type ApiError, shown } from "../api/client";
import type { RowsWanted, TableFilter, TableHead } from "../render/fileQuestions";
import type { OpenFile } from "../render/openFile";

const BLOCK = 200;
// Blocks that are kept, so that a long scroll does not keep all of a table.
const MOST_BLOCKS = 50;

export type Sort = NonNullable<RowsWanted["sort"]>;

/** Returns the rows of a table in an order, and how to have those in sight read. */
export function createTableRows(
  file: OpenFile,
  head: TableHead,
  sort: () => Sort | undefined,
  filter: () => TableFilter | undefined,
) {
  const [found, setFound] = createSignal(head.total);
  const [error, setError] = createSignal<ApiError>();
  const [reading, setReading] = createSignal(0);
  const [changes, setChanges] = createSignal(0);
  const blocks = new Map<number, string[][]>();
  let asked = new Set<number>();
  let failed = new Set<number>();
  let version = 0;

  const read = async (block: number) => {
    if (asked.has(block)) return;
    asked.add(block);
    const now = version;
    const [order, condition] = [sort(), filter()];
    setReading((count) => count + 1);
    try {
      const { rows, found } = await file.ask("rows", {
        format: head.format,
        start: block * BLOCK,
        end: (block + 1) * BLOCK,
        ...(order && { sort: order }),
        ...(condition && { filter: condition }),
      });
      if (now !== version) return;
      if (blocks.size >= MOST_BLOCKS) {
        const [oldest] = blocks.keys();
        blocks.delete(oldest ?? -1);
        asked.delete(oldest ?? -1);
      }
      blocks.set(block, rows);
      batch(() => {
        setFound(found);
        setError(undefined);
        setChanges((count) => count + 1);
      });
    } catch (failure) {
      if (now !== version) return;
      failed.add(block);
      setError(shown(failure));
    } finally {
      setReading((count) => count - 1);
    }
  };

  createEffect(
    on([sort, filter], () => {
      version += 1;
      blocks.clear();
      asked = new Set();
      failed = new Set();
      setChanges((count) => count + 1);
      read(0);
    }),
  );

  return {
    found,
    error,
    reading: () => reading() > 0,
    /** Reads what could not be read once more. */
    again: () => {
      const these = failed;
      failed = new Set();
      setError(undefined);
      for (const block of these) {
        asked.delete(block);
        read(block);
      }
    },
    /** Returns a row, nothing as long as it is not read. */
    row: (index: number) => {
      changes();
      return blocks.get(Math.floor(index / BLOCK))?.[index % BLOCK];
    },
    /** Has rows read. */
    want: (first: number, last: number) => {
      for (let block = Math.floor(first / BLOCK); block <= Math.floor(last / BLOCK); block++) {
        read(block);
      }
    },
  };
}
