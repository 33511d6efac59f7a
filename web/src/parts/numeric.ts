// Params and tags that are numbers, by the rule of filters (S2).

const NUMBER =
  /^[ \t\n\r\f\v]*[+-]?((\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?|nan|inf(inity)?)[ \t\n\r\f\v]*$/i;
// A longer text would be looked at for too long; no number is written so.
const MOST = 1_000;

/** Returns the number that a value is, or reads as; undefined if it is none. */
export function numberOf(text: string | number): number | undefined {
  if (typeof text === "number") return text;
  if (text.length > MOST || !NUMBER.test(text)) return undefined;
  const number = Number(text);
  if (!Number.isNaN(number)) return number;
  if (/n$/i.test(text.trim())) return Number.NaN;
  return text.includes("-") ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
}
