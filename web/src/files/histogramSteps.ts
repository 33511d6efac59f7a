// Histograms of many steps over the same bins.

import { readText } from "../api/artifacts";
import { type Distribution, distribution } from "./Histogram";
import type { StepFile } from "./mediaSeries";

const BINS = 80;
const MOST_STEPS = 120;
const AT_ONCE = 6;
/** The least, the greatest, and what of a normal distribution is within 1.5, 1 and 0.5 deviations. */
export const PERCENTILES = [0, 7, 16, 31, 50, 69, 84, 93, 100];

export interface StepDensities {
  steps: bigint[];
  /** Of each step the share of its values in each bin. */
  densities: Float64Array[];
  /** Of each step the values below which so many per cent of its values are. */
  percentiles: number[][];
  min: number;
  max: number;
  /** Steps that are not shown. */
  left: number;
}

/** Reads the histograms of a series; of many steps some, evenly chosen, with the last. */
export async function readHistograms(
  runId: string,
  files: StepFile[],
): Promise<StepDensities | undefined> {
  const chosen = evenly(files, MOST_STEPS);
  const found: { step: bigint; histogram: Distribution }[] = [];
  for (let i = 0; i < chosen.length; i += AT_ONCE) {
    const texts = await Promise.all(
      chosen.slice(i, i + AT_ONCE).map(({ artifact }) => readText(runId, artifact.path)),
    );
    texts.forEach((text, j) => {
      const histogram = distribution(text);
      const step = chosen[i + j]?.step;
      if (histogram && step !== undefined) found.push({ step, histogram });
    });
  }
  if (!found.length) return undefined;
  const min = Math.min(...found.map(({ histogram }) => histogram.edges[0] ?? 0));
  const max = Math.max(...found.map(({ histogram }) => histogram.edges.at(-1) ?? 0));
  return {
    steps: found.map(({ step }) => step),
    densities: found.map(({ histogram }) => densities(histogram, min, max)),
    percentiles: found.map(({ histogram }) => percentiles(histogram)),
    min,
    max,
    left: files.length - chosen.length,
  };
}

/** Returns some of a list, evenly chosen, with the first and the last. */
export function evenly<Item>(items: Item[], most: number): Item[] {
  if (items.length <= most) return items;
  return Array.from(
    { length: most },
    (_, i) => items[Math.round((i * (items.length - 1)) / (most - 1))] as Item,
  );
}

/** Spreads the counts of bins over others: each gives what it has of another's width. */
function densities({ edges, counts }: Distribution, min: number, max: number): Float64Array {
  const found = new Float64Array(BINS);
  const width = (max - min) / BINS;
  const total = counts.reduce((sum, count) => sum + count, 0) || 1;
  counts.forEach((count, i) => {
    const [low, high] = [edges[i] ?? 0, edges[i + 1] ?? 0];
    const first = Math.max(0, Math.floor((low - min) / width));
    const last = Math.min(BINS - 1, Math.floor((high - min) / width));
    for (let bin = first; bin <= last; bin++) {
      const from = Math.max(low, min + bin * width);
      const to = Math.min(high, min + (bin + 1) * width);
      found[bin] = (found[bin] ?? 0) + (count / total) * Math.max(0, (to - from) / (high - low));
    }
  });
  return found;
}

/** Values are taken to be even within a bin; bins without any at either end are left out. */
function percentiles({ edges, counts }: Distribution): number[] {
  const total = counts.reduce((sum, count) => sum + count, 0);
  const last = counts.findLastIndex((count) => count > 0);
  let bin = Math.max(
    0,
    counts.findIndex((count) => count > 0),
  );
  let below = 0;
  return PERCENTILES.map((percent) => {
    const wanted = (total * percent) / 100;
    while (bin < last && below + (counts[bin] ?? 0) < wanted) below += counts[bin++] ?? 0;
    const [low, high] = [edges[bin] ?? 0, edges[bin + 1] ?? 0];
    return low + (high - low) * Math.min(1, (wanted - below) / (counts[bin] || 1));
  });
}
