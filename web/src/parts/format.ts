// Values as texts for people.

const SHORT = new Intl.NumberFormat("en", { maximumSignificantDigits: 5, useGrouping: false });
const WHOLE = new Intl.NumberFormat("en");
const SHOWN = 1_000;
const MEGA = 1e6;
const UNITS = ["B", "kB", "MB", "GB", "TB"];

/** Five digits, or all of a small integer: `0.12346`, `1.2e-7`, `NaN`, `∞`. */
export function number(value: number, digits = 5): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  if (Number.isInteger(value) && Math.abs(value) < 1e9) return String(value);
  const size = Math.abs(value);
  const rounded = Number(value.toPrecision(digits));
  if (size < 1e-4 || size >= 1e9) return rounded.toExponential();
  return digits === 5 ? SHORT.format(value) : String(rounded);
}

/** Numbers with as many digits as it takes to tell them apart. */
export function toldApart(values: number[]): string[] {
  for (const digits of [5, 7, 9, 12]) {
    const texts = values.map((value) => number(value, digits));
    if (new Set(texts).size === new Set(values).size) return texts;
  }
  return values.map((value) => number(value, 17));
}

/** The unit that a key ends with: `epoch_seconds`, `memory_bytes`, `gpu_percent`; those of machines, too. */
export type Unit = "seconds" | "bytes" | "megabytes" | "percent" | "";

export function unitOf(key: string): Unit {
  const end = key.replace(/_percentage$/, "_percent");
  return (/_(seconds|bytes|megabytes|percent)$/.exec(end)?.[1] ?? "") as Unit;
}

/** A number with its unit: `1.5 s`, `4 min 5 s`, `2.5 GB`, `85 %`. */
export function quantity(value: number, unit: Unit): string {
  if (!unit || !Number.isFinite(value)) return number(value);
  if (unit === "percent") return `${number(value)} %`;
  if (unit === "megabytes") return quantity(value * MEGA, "bytes");
  if (unit === "bytes") return value < 0 ? `−${bytes(-value)}` : bytes(value);
  return value >= 120 && value < 1e9 ? duration(1000 * value) : `${number(value)} s`;
}

/** Numbers of an axis with their unit. */
export function quantities(values: number[], unit: Unit): string[] {
  const texts = toldApart(values);
  const sizes = values.map((value) => quantity(value, unit));
  const isSize = unit === "bytes" || unit === "megabytes";
  if (isSize && new Set(sizes).size === values.length) return sizes;
  const mark = { bytes: " B", megabytes: " MB", seconds: " s", percent: " %", "": "" }[unit];
  return texts.map((text) => text + mark);
}

/** A name, or the id of what has a name that nobody would see, of spaces or zero-width characters. */
export function shownName(name: string, id: string): string {
  return /^[\p{C}\p{Z}]*$/u.test(name) ? id : name;
}

/** The beginning of a long text, as there is room for in a cell. */
export function short(text: string): string {
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text;
}

/** A text without most of very many accents on one letter: a browser stops over thousands of them. */
export function readable(text: string): string {
  return text.replaceAll(/(\p{M}{20})\p{M}+/gu, "$1…");
}

export function count(value: number): string {
  return WHOLE.format(value);
}

/** `1 run`, `12,345 runs`. */
export function counted(value: number, noun: string): string {
  return `${count(value)} ${noun}${value === 1 ? "" : "s"}`;
}

// Dates are written as the reader's browser has it, with 12 or 24 hours.
const DAY = { year: "numeric", month: "short", day: "numeric" } as const;
const TIME = { hour: "2-digit", minute: "2-digit", second: "2-digit" } as const;
const LONG_DATE = new Intl.DateTimeFormat(undefined, { ...DAY, ...TIME });
const DATE = new Intl.DateTimeFormat(undefined, DAY);
const MONTH = new Intl.DateTimeFormat(undefined, { year: "numeric", month: "short" });
const SECOND = new Intl.DateTimeFormat(undefined, TIME);
const MINUTE = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const FRACTION = new Intl.DateTimeFormat(undefined, { ...TIME, fractionalSecondDigits: 3 });

// In milliseconds; JavaScript has no later dates, nor earlier ones than its negative.
const LAST_DATE = 8.64e15;

/** Returns a date as a text, which is empty where there is no date any more. */
function dateText(format: Intl.DateTimeFormat, milliseconds: number): string {
  return Math.abs(milliseconds) <= LAST_DATE ? format.format(milliseconds) : "";
}

/** Date and time to the second, of the browser's time zone; empty for none. */
export function time(milliseconds: number | null): string {
  return milliseconds ? dateText(LONG_DATE, milliseconds) : "";
}

/** The same in ISO 8601 and UTC, for files; milliseconds where there is no date any more. */
export function isoTime(milliseconds: number): string {
  if (Math.abs(milliseconds) > LAST_DATE) return String(milliseconds);
  return new Date(milliseconds).toISOString();
}

export function dayText(milliseconds: number): string {
  return dateText(DATE, milliseconds);
}

/** The time of a day, as exactly as what is between two of them in milliseconds asks for. */
export function timeOfDay(milliseconds: number, between = 0): string {
  const exact = milliseconds % 60_000 !== 0 || (between > 0 && between < 60_000);
  if (between > 0 ? between < 1_000 : milliseconds % 1_000 !== 0)
    return dateText(FRACTION, milliseconds);
  return dateText(exact ? SECOND : MINUTE, milliseconds);
}

/** Moments of an axis, so many milliseconds apart; what is common to several stands below once. */
export function momentTexts(moments: number[], between: number): string[] {
  if (between >= 28 * 86_400_000)
    return moments.map((one) => (between < 365 * 86_400_000 ? dateText(MONTH, one) : year(one)));
  if (between >= 86_400_000) return moments.map(dayText);
  let before = "";
  return moments.map((one) => {
    const day = dayText(one);
    const isNew = day !== before;
    before = day;
    return timeOfDay(one, between) + (isNew ? `\n${day}` : "");
  });
}

function year(milliseconds: number): string {
  return Math.abs(milliseconds) <= LAST_DATE ? String(new Date(milliseconds).getFullYear()) : "";
}

/** `3 min ago`. */
export function ago(milliseconds: number, now: number): string {
  if (!milliseconds) return "never";
  const seconds = Math.max(0, now - milliseconds) / 1000;
  if (seconds < 60) return "just now";
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)} h ago`;
  return `${Math.floor(seconds / 86_400)} d ago`;
}

/** `850 ms`, `12.3 s`, `4 min 5 s`, `2 h 10 min`, `3 d 4 h`. */
export function duration(milliseconds: number): string {
  const seconds = Math.max(0, milliseconds) / 1000;
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const whole = Math.floor(seconds);
  if (whole < 3_600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  if (whole < 86_400)
    return `${Math.floor(whole / 3_600)} h ${Math.floor((whole % 3_600) / 60)} min`;
  return `${Math.floor(whole / 86_400)} d ${Math.floor((whole % 86_400) / 3_600)} h`;
}

export function bytes(size: number): string {
  let unit = 0;
  let value = size;
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit ? value.toPrecision(3) : value} ${UNITS[unit]}`;
}
