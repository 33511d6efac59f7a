// What two texts differ in: lines, or words where each is one line. By the algorithm of Myers, "An
// O(ND) difference algorithm and its variations" (1986).

import type { Made } from "./render";

/** A piece that both have, or one of them. */
export interface DiffPart {
  kind: "same" | "removed" | "added";
  text: string;
}

// Of more differences than that nobody reads one by one: then all of it is another text.
const MOST_DIFFERENCES = 1_000;

/** Returns the pieces of two texts, in their order. */
export function diff(before: string, after: string): Made {
  const pattern = before.includes("\n") || after.includes("\n") ? /.*\n|.+$/g : /\s+|\w+|[^\s\w]/g;
  const [a, b] = [before.match(pattern) ?? [], after.match(pattern) ?? []];
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start++;
  let end = 0;
  const rest = Math.min(a.length, b.length) - start;
  while (end < rest && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  const parts: DiffPart[] = [];
  add(parts, "same", a.slice(0, start));
  between(parts, a.slice(start, a.length - end), b.slice(start, b.length - end));
  add(parts, "same", a.slice(a.length - end));
  return { parts };
}

function add(parts: DiffPart[], kind: DiffPart["kind"], pieces: string[]): void {
  if (!pieces.length) return;
  const last = parts.at(-1);
  if (last?.kind === kind) last.text += pieces.join("");
  else parts.push({ kind, text: pieces.join("") });
}

function between(parts: DiffPart[], a: string[], b: string[]): void {
  const trace = search(a, b);
  if (!trace) {
    add(parts, "removed", a);
    add(parts, "added", b);
    return;
  }
  // From the end to the beginning: which way led to the end.
  const steps: [DiffPart["kind"], string][] = [];
  let [x, y] = [a.length, b.length];
  for (let d = trace.length - 1; d >= 0; d--) {
    const reach = trace[d] as Map<number, number>;
    const k = x - y;
    const down = k === -d || (k !== d && at(reach, k - 1) < at(reach, k + 1));
    const from = d ? at(reach, down ? k + 1 : k - 1) : 0;
    const toX = d ? from : 0;
    const toY = d ? from - (down ? k + 1 : k - 1) : 0;
    while (x > toX && y > toY) {
      steps.push(["same", a[--x] ?? ""]);
      y--;
    }
    if (!d) break;
    if (down) steps.push(["added", b[--y] ?? ""]);
    else steps.push(["removed", a[--x] ?? ""]);
  }
  for (const [kind, piece] of steps.reverse()) add(parts, kind, [piece]);
}

/** Returns how far each diagonal reached before each difference; undefined if there are too many. */
function search(a: string[], b: string[]): Map<number, number>[] | undefined {
  const trace: Map<number, number>[] = [];
  const reach = new Map([[1, 0]]);
  for (let d = 0; d <= Math.min(MOST_DIFFERENCES, a.length + b.length); d++) {
    trace.push(new Map([...reach].filter(([k]) => Math.abs(k) <= d + 1)));
    for (let k = -d; k <= d; k += 2) {
      const down = k === -d || (k !== d && at(reach, k - 1) < at(reach, k + 1));
      let x = down ? at(reach, k + 1) : at(reach, k - 1) + 1;
      while (x < a.length && x - k < b.length && a[x] === b[x - k]) x++;
      reach.set(k, x);
      if (x >= a.length && x - k >= b.length) return trace;
    }
  }
  return undefined;
}

function at(reach: Map<number, number>, diagonal: number): number {
  return reach.get(diagonal) ?? -1;
}
