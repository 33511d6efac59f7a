// Round moments between two others, as texts in the habit of the reader.

import { scaleTime } from "d3-scale";
import { dayText, timeOfDay } from "../parts/format";

// Pixels: of a letter of a tick, and between two ticks.
const LETTER = 6;
const BETWEEN = 10;
const LEAST = 55;

/**
 * Returns moments of an axis of so many pixels, in milliseconds, whose texts have room beside each
 * other; a day stands where it begins.
 */
export function timeTicks(min: number, max: number, width: number) {
  const scale = scaleTime([min, max], [0, width]);
  for (let number = Math.max(2, Math.floor(width / LEAST)); number > 1; number--) {
    const found = texts(scale.ticks(number));
    if (haveRoom(found.map(({ value, text }) => ({ at: scale(value), text })))) return found;
  }
  return texts(scale.ticks(2)).slice(0, 1);
}

function haveRoom(ticks: { at: number; text: string }[]): boolean {
  const half = (text: string) => (text.length * LETTER + BETWEEN) / 2;
  return ticks.every((tick, i) => {
    const next = ticks[i + 1];
    return !next || next.at - tick.at >= half(tick.text) + half(next.text);
  });
}

function texts(dates: Date[]) {
  let day = "";
  return dates.map((date) => {
    const value = date.getTime();
    const own = dayText(value);
    const isNew = own !== day && day !== "";
    day = own;
    const isMidnight = date.getHours() + date.getMinutes() + date.getSeconds() === 0;
    return { value, text: isNew || isMidnight ? own : timeOfDay(value) };
  });
}
