// What is committed to the runs of an experiment, brought together for a list of some of them.

import { createMemo, onCleanup } from "solid-js";
import { PARENT_TAG } from "../api/runs";
import { type RunChange, watch } from "../api/watch";
import { addFrameWork, dropFrameWork } from "../parts/pacedFrames";

const SETTLE_MS = 1_000;

/** A list that is kept up to date. */
interface Followed {
  experimentId: () => string;
  /** Reads the list; changes are told from then on. */
  begin: () => Promise<void>;
  has: (id: string) => boolean;
  /** Tells all changes as they come. */
  told: (changes: RunChange[]) => void;
  /** Tells what happened to runs of the list, by their ids. */
  patch: (changes: Map<string, RunChange[]>) => void;
  /** Tells that other runs changed, of which some may belong into the list. */
  others: () => void;
  /** Tells that these runs have child runs that they did not have. */
  grew: (parents: Set<string>) => void;
}

/** Tells a list of changes: what it shows with one of the next frames, all else once a second. */
export function followExperiment(list: Followed): void {
  const experiment = createMemo(list.experimentId);
  let waiting = new Map<string, RunChange[]>();
  let parents = new Set<string>();
  let strange = false;
  let settling: ReturnType<typeof setTimeout> | undefined;
  const apply = () => {
    const changes = waiting;
    waiting = new Map();
    list.patch(changes);
  };
  const settle = () => {
    settling = undefined;
    if (parents.size) list.grew(parents);
    if (strange) list.others();
    parents = new Set();
    strange = false;
  };
  watch(
    () => ({ experimentId: experiment() }),
    async () => {
      await list.begin();
      return true;
    },
    (changes) => {
      list.told(changes);
      for (const change of changes) {
        const id = change.run_id ?? "";
        if (list.has(id)) waiting.set(id, [...(waiting.get(id) ?? []), change]);
        else if (change.info) strange = true;
        const parent = change.tags?.find(({ key }) => key === PARENT_TAG)?.value;
        if (parent) parents.add(parent);
      }
      if (waiting.size) addFrameWork(apply);
      if (strange || parents.size) settling ??= setTimeout(settle, SETTLE_MS);
    },
  );
  onCleanup(() => {
    dropFrameWork(apply);
    clearTimeout(settling);
  });
}
