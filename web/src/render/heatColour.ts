// Colours of a heat map: from dark blue to yellow, ever lighter, so that they can be told apart by
// lightness alone.

const STOPS: [number, number, number][] = [
  [68, 1, 84],
  [59, 82, 139],
  [33, 145, 140],
  [94, 201, 98],
  [253, 231, 37],
];

/** Returns red, green, blue and alpha for a share of 0 to 1. */
export function heatColour(share: number): [number, number, number, number] {
  const place = Math.min(1, Math.max(0, share)) * (STOPS.length - 1);
  const at = Math.min(STOPS.length - 2, Math.floor(place));
  const [low = [0, 0, 0], high = [0, 0, 0]] = [STOPS[at], STOPS[at + 1]];
  const mix = (i: 0 | 1 | 2) => Math.round(low[i] + (high[i] - low[i]) * (place - at));
  return [mix(0), mix(1), mix(2), 255];
}
