// What is drawn for as long as somebody logs: in rounds, a part of each in a frame, and with rests.

// Of a frame, for all but the first work in it.
const FRAME_MS = 12;
// What a browser takes to paint what a work has drawn, beside the work itself.
const PAINT_MS = 2;
// After a round there is a rest of so many times what it took, or of what it took, if that is longer
// than the longest rest: so that what comes is seen within half a second.
const REST = 4;
const LONGEST_REST_MS = 250;

let wanted = new Set<() => void>();
let round = new Set<() => void>();
let taken = 0;
let isPlanned = false;
let resting: ReturnType<typeof setTimeout> | undefined;

/**
 * Does work with one of the next frames, once, however often it is added until then. All that is
 * added takes its turns, a fifth of the time, or half of it where work takes long, so that the page
 * stays free for its user.
 */
export function addFrameWork(work: () => void): void {
  if (!round.has(work)) wanted.add(work);
  plan();
}

export function dropFrameWork(work: () => void): void {
  wanted.delete(work);
  round.delete(work);
}

function plan(): void {
  if (isPlanned || resting !== undefined || !(wanted.size || round.size)) return;
  requestAnimationFrame(workOn);
  isPlanned = true;
}

function workOn(): void {
  isPlanned = false;
  if (!round.size) {
    [round, wanted] = [wanted, round];
    taken = 0;
  }
  const start = performance.now();
  let inFrame = 0;
  for (const work of round) {
    round.delete(work);
    work();
    taken += PAINT_MS;
    inFrame = performance.now() - start;
    if (inFrame > FRAME_MS) break;
  }
  taken += inFrame;
  if (round.size) plan();
  else resting = setTimeout(goOn, Math.max(taken, Math.min(LONGEST_REST_MS, REST * taken)));
}

function goOn(): void {
  resting = undefined;
  plan();
}
