// Keys that choose a range of an axis: they move it and make it smaller or larger.

import type { Range } from "./scales";

/** Returns what each key does with the range that is in sight. */
export function rangeKeys(
  inSight: { min?: number | null | undefined; max?: number | null | undefined } | undefined,
  choose: (range: Range | undefined) => void,
): Record<string, () => void> {
  const [min, max] = [inSight?.min ?? 0, inSight?.max ?? 1];
  const size = max - min;
  return {
    ArrowLeft: () => choose({ min: min - size / 4, max: max - size / 4 }),
    ArrowRight: () => choose({ min: min + size / 4, max: max + size / 4 }),
    "+": () => choose({ min: min + size / 4, max: max - size / 4 }),
    "-": () => choose({ min: min - size / 2, max: max + size / 2 }),
    "0": () => choose(undefined),
  };
}
