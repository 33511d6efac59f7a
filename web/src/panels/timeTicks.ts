// Round moments between two others, as texts in the habit of the reader.

import { scaleTime } from "d3-scale";
import { dayText, timeOfDay } from "../parts/format";

/** Returns about so many moments, in milliseconds; a day stands where it begins. */
export function timeTicks(min: number, max: number, number: number) {
  const scale = scaleTime([min, max], [0, 1]);
  let day = "";
  return scale.ticks(number).map((date) => {
    const value = date.getTime();
    const own = dayText(value);
    const isNew = own !== day && day !== "";
    day = own;
    const isMidnight = date.getHours() + date.getMinutes() + date.getSeconds() === 0;
    return { value, text: isNew || isMidnight ? own : timeOfDay(value) };
  });
}
