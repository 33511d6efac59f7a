// Ranges and ticks of axes, for every double: some are so large, so small or so close together that
// the differences between them are infinite, or none.

/** A range, both ends included. */
export interface Range {
  min: number;
  max: number;
}

/** What is drawn lies between this and its negative, so that their difference is a double. */
const LARGEST = 8e307;
// Doubles that are in a range at least.
const DOUBLES = 16;
// So many times its greatest value is the least of a logarithmic axis that would begin at 0.
const DECADES = 1e-9;
const PAD = 0.1;
const TICKS = 8;
// Where a range grows by less than `LITTLE` of itself, it gets `ROOM` of itself for what comes next.
const LITTLE = 0.01;
const ROOM = 0.05;
const MOST_ROOM = 2 * ROOM;

/** Returns the place of a value that can be drawn. */
export function drawable(value: number): number {
  return Math.max(-LARGEST, Math.min(LARGEST, value));
}

/** Returns a range around another in which there are several doubles, and a difference that is one. */
export function widened(min: number, max: number, atLeast = DOUBLES * Number.MIN_VALUE): Range {
  const [from, to] = [drawable(min), drawable(max)];
  const apart = Math.max(Math.abs(from), Math.abs(to)) * (DOUBLES * Number.EPSILON);
  const least = Math.max(apart, atLeast);
  if (to - from >= least) return { min: from, max: to };
  const middle = drawable(from / 2 + to / 2);
  return { min: middle - least / 2, max: middle + least / 2 };
}

/** Returns a range with some room around what is in it; one value stands in the middle. */
export function padded(min: number, max: number): Range {
  if (min === max && min !== 0)
    return widened(min - Math.abs(min) * PAD, max + Math.abs(max) * PAD);
  if (min === max) return { min: -1, max: 1 };
  const range = widened(min, max);
  const room = (range.max - range.min) * PAD;
  // A line that comes near to 0 has it in sight, and nothing beyond.
  const low = min >= 0 && min <= room ? 0 : range.min - room;
  const high = max <= 0 && -max <= room ? 0 : range.max + room;
  return { min: drawable(low), max: drawable(high) };
}

/**
 * Returns the end of a range that points come to: a chart whose range stays draws only what came. An
 * end that was shown `before` is kept where it leaves little room.
 */
export function roomyEnd({ min, max }: Range, before: number | undefined, isLog: boolean): number {
  if (before === undefined) return max;
  const [to, from] = isLog ? [Math.log, Math.exp] : [Number, Number];
  const [first, last, shown] = [to(min), to(max), to(before)];
  const size = last - first;
  if (last > shown) return last - shown < LITTLE * size ? from(last + ROOM * size) : max;
  return shown - last <= MOST_ROOM * size ? before : max;
}

/** Returns a range of a logarithmic axis; with some room around it, if that is wished. */
export function logarithmic(min: number, max: number, pad: number): Range {
  const top = max > 0 ? max : 1;
  const bottom = min > 0 ? min : Math.max(top * DECADES, Number.MIN_VALUE);
  const [low, high] = [Math.log10(bottom), Math.log10(top)];
  const room = high - low > 1e-6 ? (high - low) * pad : 0.1;
  return {
    min: Math.max(10 ** (low - room), Number.MIN_VALUE),
    max: Math.min(10 ** (high + room), Number.MAX_VALUE),
  };
}

/** Returns round values in a range, about so many. */
export function ticks({ min, max }: Range, number = TICKS): number[] {
  const exact = (max - min) / number;
  const power = 10 ** Math.floor(Math.log10(exact));
  const step = ([1, 2, 5].find((factor) => factor * power >= exact) ?? 10) * power;
  if (!(step > 0)) return [min, max];
  const first = Math.ceil(min / step);
  const found = new Set<number>();
  // Counted, for among large numbers a step may lead nowhere.
  for (let i = 0; i <= number + 1; i++) {
    const value = (first + i) * step;
    if (value >= min && value <= max) found.add(value);
  }
  return [...found];
}

/** Returns the powers of ten in a range, or round values if there are not two of them. */
export function logTicks(range: Range, number = TICKS): number[] {
  const first = Math.ceil(Math.log10(range.min));
  const last = Math.floor(Math.log10(range.max));
  if (last - first < 1) return ticks(range, number);
  const step = Math.ceil((last - first + 1) / number);
  const found: number[] = [];
  for (let power = first; power <= last; power += step) found.push(Number(`1e${power}`));
  return found.filter((value) => value >= range.min && value <= range.max);
}
