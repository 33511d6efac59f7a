// What a program wrote for a terminal, as text with colours. Of control sequences only those of
// colours mean anything here; the others are removed, and single control characters are escaped.

export interface Look {
  bold?: boolean;
  faint?: boolean;
  italic?: boolean;
  underline?: boolean;
  strike?: boolean;
  inverse?: boolean;
  /** Colours as `#rrggbb`. */
  text?: string | undefined;
  ground?: string | undefined;
}

export interface Span {
  text: string;
  look: Look;
}

export const PLAIN: Look = {};

// Of one line: a browser stops over tens of thousands of elements.
const MOST_SPANS = 300;

// A sequence with parameters and its end; a string with its end; any other. The end of the line may
// have cut them off.
const SEQUENCE =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  /\x1b(?:\[([0-?]*)[ -/]*([@-~]|$)|[\]PX^_].*?(?:\x07|\x1b\\|$)|[ -/]*[0-~]?)/gs;
const CONTROL =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: as above
  /[\0-\x08\n-\x1f\x7f-\x9f\u061c\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

// The sixteen colours that have a number of their own, as xterm has them.
const COLOURS = (
  "000000 cd0000 00cd00 cdcd00 0000ee cd00cd 00cdcd e5e5e5 " +
  "7f7f7f ff0000 00ff00 ffff00 5c5cff ff00ff 00ffff ffffff"
).split(" ");

const LOOKS: Record<number, Look> = {
  1: { bold: true },
  2: { faint: true },
  3: { italic: true },
  4: { underline: true },
  7: { inverse: true },
  9: { strike: true },
  22: { bold: false, faint: false },
  23: { italic: false },
  24: { underline: false },
  27: { inverse: false },
  29: { strike: false },
  39: { text: undefined },
  49: { ground: undefined },
};

/** Returns what is to be read of a line. */
export function plainText(line: string): string {
  return escaped(line.replaceAll(SEQUENCE, ""));
}

/** Returns the look of what follows a line that begins in a look. */
export function lookAfter(line: string, look: Look): Look {
  if (!line.includes("\x1b")) return look;
  let now = look;
  for (const [, parameters = "", end] of line.matchAll(SEQUENCE))
    if (end === "m") now = changed(now, parameters);
  return now;
}

/** Returns the parts of a line by their look; together they are its plain text. */
export function spansOf(line: string, look: Look): Span[] {
  const spans: Span[] = [];
  let now = look;
  let from = 0;
  const add = (text: string) => {
    const last = spans.at(-1);
    if (last && (last.look === now || spans.length === MOST_SPANS)) last.text += text;
    else if (text) spans.push({ text, look: now });
  };
  for (const { index, 0: sequence, 1: parameters = "", 2: end } of line.matchAll(SEQUENCE)) {
    add(escaped(line.slice(from, index)));
    from = index + sequence.length;
    if (end === "m") now = changed(now, parameters);
  }
  add(escaped(line.slice(from)));
  return spans;
}

/** Returns a look after the parameters of a sequence, as `1;38;5;208`. */
function changed(look: Look, parameters: string): Look {
  const numbers = parameters.split(";").flatMap(numbersOf);
  let next = look;
  for (let i = 0; i < numbers.length; i++) {
    const number = numbers[i] ?? 0;
    if (number === 0) next = PLAIN;
    else if (number === 38 || number === 48) {
      const [colour, used] = chosen(numbers.slice(i + 1));
      i += used;
      if (colour) next = { ...next, [number === 38 ? "text" : "ground"]: colour };
    } else next = { ...next, ...(LOOKS[number] ?? ofSixteen(number)) };
  }
  return next;
}

/** Returns the numbers of a parameter, which may have parts, as `38:2::255:135:0`. */
function numbersOf(parameter: string): number[] {
  const parts = parameter.split(":").map(Number);
  if (parts.length === 1) return parts;
  if (parts[1] === 2) return [...parts.slice(0, 2), ...parts.slice(-3)];
  return parts.slice(0, parts[1] === 5 ? 3 : 1);
}

function ofSixteen(number: number): Look {
  const isBright = number >= 90;
  const of = number - (isBright ? 90 : 30);
  const colour = COLOURS[(of % 10) + (isBright ? 8 : 0)];
  if (of < 0 || of > 17 || of === 8 || of === 9 || !colour) return PLAIN;
  return of < 8 ? { text: `#${colour}` } : { ground: `#${colour}` };
}

/** Returns the colour that stands after 38 or 48, and how many numbers it takes. */
function chosen([kind, ...rest]: number[]): [string | undefined, number] {
  if (kind === 5) return [ofPalette(rest[0] ?? 0), 2];
  if (kind === 2) return [hex(rest.slice(0, 3)), 4];
  return [undefined, 1];
}

/** Returns one of 256: the sixteen, a cube of six times six times six, and greys. */
function ofPalette(number: number): string | undefined {
  if (number < 16) return COLOURS[number] && `#${COLOURS[number]}`;
  if (number >= 232) return hex(Array(3).fill(8 + 10 * (number - 232)));
  const cube = number - 16;
  const level = (step: number) => (step ? 55 + 40 * step : 0);
  return hex([Math.floor(cube / 36), Math.floor(cube / 6) % 6, cube % 6].map(level));
}

function hex(parts: number[]): string | undefined {
  if (parts.length < 3 || parts.some((part) => !(part >= 0 && part < 256))) return undefined;
  return `#${parts.map((part) => part.toString(16).padStart(2, "0")).join("")}`;
}

function escaped(text: string): string {
  return text.replaceAll(CONTROL, (character) => {
    const code = character.charCodeAt(0).toString(16);
    return code.length > 2 ? `\\u${code.padStart(4, "0")}` : `\\x${code.padStart(2, "0")}`;
  });
}
