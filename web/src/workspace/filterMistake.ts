// What is wrong with a filter, in words for people.

import type { ApiError } from "../api/client";

const VALUE = "a number or a string in quotes or a time such as 2026-11-01 or now - 7d";

/** Returns what to do about a mistake, of what the server found there and what it expected. */
export function mistake({ message, metadata }: ApiError): string {
  const { found = "", expected, hint = "" } = metadata;
  if (!expected) return message;
  if (hint) return `${found} is no key. ${hint.charAt(0).toUpperCase()}${hint.slice(1)}.`;
  const what = wanted(expected);
  return found === "the end" ? `Here is missing: ${what}.` : `In place of ${found} comes ${what}.`;
}

function wanted(expected: string): string {
  const options = expected.split(" or ");
  if (expected === VALUE)
    return "a value: a number, a text in quotes, or a time such as 2026-11-01 or now - 7d";
  if (options.includes("= != < <= > >="))
    return "an operator, such as = != < <= > >= IN LIKE ILIKE BETWEEN IS NULL, and a value";
  if (options.includes("AND") && options.includes("OR"))
    return "AND or OR, if there is another condition";
  return expected;
}
