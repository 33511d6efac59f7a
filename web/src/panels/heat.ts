// Colours from little to much, for numbers on light and on dark ground.

import { theme } from "../parts/theme";
import { SCALES } from "./palette";

/** Returns the colour of a part from 0 to 1. */
export function heat(part: number): string {
  const stops = SCALES[theme()];
  const at = Math.min(1, Math.max(0, part)) * (stops.length - 1);
  const low = Math.min(Math.floor(at), stops.length - 2);
  const channels = [1, 3, 5].map((place) => {
    const of = (stop: string | undefined) =>
      Number.parseInt(stop?.slice(place, place + 2) ?? "0", 16);
    const mixed = of(stops[low]) + (at - low) * (of(stops[low + 1]) - of(stops[low]));
    return Math.round(mixed).toString(16).padStart(2, "0");
  });
  return `#${channels.join("")}`;
}
