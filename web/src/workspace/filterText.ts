// The text of a filter: its conditions, as chips show them, and the words of people as conditions.

import { ATTRIBUTES } from "../runs/columns";

// What stands between white space and operators; a quote that is not closed goes on to the end.
const TOKEN =
  /\s+|[A-Za-z_]\w*\.(?:`(?:[^`]|``)*`?|"(?:[^"]|"")*"?|'(?:[^']|'')*'?)|`(?:[^`]|``)*`?|"(?:[^"]|"")*"?|'(?:[^']|'')*'?|[=!<>]+|[(),]|[^\s=!<>(),]+/gy;
const OPERATOR = /^([=!<>]+|in|like|ilike|rlike|between|is|not)$/i;
const GROUPED =
  /^(metrics?|minimum|maximum|params?|parameters?|tags?|attributes?|attr|run|datasets?)\./i;
const NAMES = ["run_name", "artifact_uri", "created", ...ATTRIBUTES];
const NAME_PART = /^run_name ILIKE '%((?:[^']|'')+)%'( ESCAPE '!')?$/;
const LATELY = /^start_time >=? now\s*-\s*(\d+)\s*(s|m|h|d|w)$/i;
const UNITS: Record<string, string> = { s: "second", m: "minute", h: "hour", d: "day", w: "week" };

/** A piece of a filter, and where it begins. */
interface Token {
  text: string;
  start: number;
}

/** Returns the tokens of a filter without the white space between them. */
export function tokensOf(filter: string): Token[] {
  const found: Token[] = [];
  for (const match of filter.matchAll(TOKEN))
    if (match[0].trim()) found.push({ text: match[0], start: match.index });
  return found;
}

/** Returns whether a token is a key of the grammar, known or not. */
export function isKey(token: string): boolean {
  return GROUPED.test(token) || NAMES.includes(token);
}

/** Returns the conditions that a filter joins by AND; one, if it joins them otherwise. */
export function partsOf(filter: string): string[] {
  if (!filter.trim()) return [];
  return split(filter, "or").length > 1 ? [filter.trim()] : split(filter, "and");
}

/** Returns the filter of some conditions, each of which is there once. */
export function joined(parts: string[]): string {
  const all = [...new Set(parts)];
  if (all.length === 1) return all[0] ?? "";
  return all.map((part) => (split(part, "or").length > 1 ? `(${part})` : part)).join(" AND ");
}

/** Returns a filter with one more condition. */
export function withCondition(filter: string, condition: string): string {
  return joined([...partsOf(filter), condition]);
}

/** Returns what somebody typed as a filter: words that are no keys are parts of the name. */
export function filterOf(typed: string): string {
  const either = split(typed, "or").map((all) => split(all, "and").map(ofWords).join(" AND "));
  return either.join(" OR ");
}

/** Returns the condition that the name of a run has a word. */
function nameCondition(word: string): string {
  const special = /[%_]/.test(word);
  const escaped = special ? word.replace(/[!%_]/g, "!$&") : word;
  return `run_name ILIKE '%${escaped.replaceAll("'", "''")}%'${special ? " ESCAPE '!'" : ""}`;
}

/** Returns what a chip says of a condition. */
export function labelOf(part: string): string {
  const named = NAME_PART.exec(part);
  if (named) {
    const word = (named[1] ?? "").replaceAll("''", "'");
    return `name: ${named[2] ? word.replace(/!(.)/g, "$1") : word}`;
  }
  const lately = LATELY.exec(part);
  if (lately) {
    const unit = UNITS[(lately[2] ?? "").toLowerCase()];
    return Number(lately[1]) === 1 ? `Last ${unit}` : `Last ${lately[1]} ${unit}s`;
  }
  if (part === "status = 'RUNNING'") return "Running";
  return part;
}

function ofWords(part: string): string {
  const tokens = tokensOf(part);
  const negated = /^not$/i.test(tokens[0]?.text ?? "");
  const rest = negated ? tokens.slice(1) : tokens;
  const isCondition = (at: number) =>
    isKey(rest[at]?.text ?? "") || OPERATOR.test(rest[at + 1]?.text ?? "");
  let words = 0;
  while (words < rest.length && !/^[=!<>(),]/.test(rest[words]?.text ?? "") && !isCondition(words))
    words += 1;
  if (!words || (negated && words < rest.length)) return part;
  const found = rest.slice(0, words).map((word) => nameCondition(unquoted(word.text)));
  if (negated) return `NOT (${found.join(" AND ")})`;
  const after = rest[words];
  return [...found, ...(after ? [part.slice(after.start)] : [])].join(" AND ");
}

/** Returns a token without its quotes, and without the first of a text that goes on. */
export function unquoted(token: string): string {
  const quote = token[0] ?? "";
  if (!"'\"`".includes(quote) || !quote) return token;
  const closed = token.length > 1 && token.endsWith(quote);
  return token.slice(1, closed ? -1 : undefined).replaceAll(quote + quote, quote);
}

/** Splits a filter at a keyword that stands outside of parentheses. */
function split(filter: string, keyword: "and" | "or"): string[] {
  const parts: string[] = [];
  let [depth, start, between] = [0, 0, false];
  for (const { text, start: at } of tokensOf(filter)) {
    const word = text.toLowerCase();
    if (text === "(") depth += 1;
    else if (text === ")") depth -= 1;
    else if (word === "between") between = true;
    else if (word === "and" && between) between = false;
    else if (word === keyword && depth === 0) {
      parts.push(filter.slice(start, at).trim());
      start = at + text.length;
    }
  }
  return [...parts, filter.slice(start).trim()];
}
