// One colour for each run, the same in all charts of a visit.

// Told apart on light and on dark ground, and by most of the colour-blind (Okabe and Ito, 2008, with
// black and yellow replaced, and more hues after them).
const PALETTE = [
  "#0072b2",
  "#d55e00",
  "#009e73",
  "#cc79a7",
  "#e69f00",
  "#56b4e9",
  "#8f6ae0",
  "#b3a125",
  "#e0485f",
  "#2f9aa0",
  "#a0673a",
  "#7d8f3f",
];

const places = new Map<string, number>();

export function runColour(id: string): string {
  return PALETTE[place(id) % PALETTE.length] ?? "";
}

/** Dashes for runs beyond the palette, of which several have one colour. */
export function runDash(id: string): number[] {
  const round = Math.floor(place(id) / PALETTE.length) % 4;
  return [[], [6, 4], [2, 3], [10, 3, 2, 3]][round] ?? [];
}

function place(id: string): number {
  const found = places.get(id);
  if (found !== undefined) return found;
  places.set(id, places.size);
  return places.size - 1;
}
