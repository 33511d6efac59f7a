// What is drawn for as long as somebody logs: a part of it in each frame, and with rests.

// Of a frame, for all but the first work in it.
const FRAME_MS = 12;
// After a frame there is a rest, in which it is painted, of so many times what its work took.
const REST = 4;
const LONGEST_REST_MS = 200;

const wanted = new Set<() => void>();
let isPlanned = false;
let resting: ReturnType<typeof setTimeout> | undefined;

/**
 * Does work with one of the next frames, once, however often it is added until then. All that is
 * added takes its turns, and a fifth of the time at most, so that the page stays free for its user.
 */
export function addFrameWork(work: () => void): void {
  wanted.add(work);
  plan();
}

export function dropFrameWork(work: () => void): void {
  wanted.delete(work);
}

function plan(): void {
  if (!wanted.size || resting !== undefined) return;
  if (!isPlanned) requestAnimationFrame(workOn);
  isPlanned = true;
}

function workOn(): void {
  isPlanned = false;
  const start = performance.now();
  let taken = 0;
  for (const work of wanted) {
    wanted.delete(work);
    work();
    taken = performance.now() - start;
    if (taken > FRAME_MS) break;
  }
  resting = setTimeout(
    () => {
      resting = undefined;
      plan();
    },
    Math.min(LONGEST_REST_MS, REST * taken),
  );
}
