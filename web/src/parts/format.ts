// Values as texts for people.

const SHORT = new Intl.NumberFormat("en", { maximumSignificantDigits: 5, useGrouping: false });
const WHOLE = new Intl.NumberFormat("en");
const SHOWN = 1_000;
const UNITS = ["B", "kB", "MB", "GB", "TB"];

/** Five digits, or all of a small integer: `0.12346`, `1.2e-7`, `NaN`, `∞`. */
export function number(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  if (Number.isInteger(value) && Math.abs(value) < 1e9) return String(value);
  const size = Math.abs(value);
  return size >= 1e-4 && size < 1e9 ? SHORT.format(value) : value.toExponential(3);
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

/** Date and time to the second, of the browser's time zone; empty for none. */
export function time(milliseconds: number | null): string {
  if (!milliseconds) return "";
  const date = new Date(milliseconds);
  const two = (part: number) => String(part).padStart(2, "0");
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
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
