// What may come next in a filter that is being typed, by what stands before the cursor.

import { isKey, tokensOf } from "./filterText";

/** What may stand at the cursor. */
export interface Place {
  kind: "key" | "operator" | "value" | "joint";
  /** The word that ends at the cursor, and where it begins. */
  word: string;
  start: number;
  /** The key of the condition, and its operator, as far as they are there. */
  key: string;
  operator: string;
  /** Whether the value is one of a list that is begun. */
  listed: boolean;
}

/** Returns what may stand after this text. */
export function placeAfter(text: string): Place {
  const tokens = tokensOf(text);
  const last = tokens.at(-1);
  // A word that ends at the cursor is being typed.
  const typing = last && last.start + last.text.length === text.length && !isSymbol(last.text);
  const place: Place = {
    kind: "key",
    word: typing ? last.text : "",
    start: typing ? last.start : text.length,
    key: "",
    operator: "",
    listed: false,
  };
  for (const { text: token } of typing ? tokens.slice(0, -1) : tokens) pass(place, token);
  // A word that is no key is one of the name, and a key may come after it.
  if (place.kind === "operator" && typing && !isKey(place.key)) place.kind = "key";
  return place;
}

function isSymbol(token: string): boolean {
  return /^[=!<>(),]+$/.test(token);
}

function pass(place: Place, token: string): void {
  const word = token.toLowerCase();
  if (word === "and" && place.kind === "joint" && place.operator === "between") {
    place.kind = "value";
    place.operator = "and"; // the second end, after which AND joins conditions
  } else if (["and", "or"].includes(word) && place.kind !== "value") {
    Object.assign(place, { kind: "key", key: "", operator: "", listed: false });
  } else if (place.kind === "key") {
    if (token === "(" || word === "not") return;
    place.key = token;
    place.kind = "operator";
  } else if (place.kind === "operator") passOperator(place, token);
  else if (place.kind === "value" && token === "(") place.listed = true;
  else if (place.listed && token === ",") place.kind = "value";
  else {
    if (token === ")") place.listed = false;
    place.kind = "joint";
  }
}

function passOperator(place: Place, token: string): void {
  const word = token.toLowerCase();
  if (word === "not") return;
  place.operator = word;
  if (word === "is") place.kind = "joint";
  else if (/^[=!<>]+$/.test(word) || ["in", "like", "ilike", "rlike", "between"].includes(word))
    place.kind = "value";
  else place.key = token;
}
