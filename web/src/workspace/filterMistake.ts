// What is wrong with a filter, in words for people.

const VALUE = "a number or a string in quotes or a time such as 2026-11-01 or now - 7d";

/** Returns what to do about a mistake, of what the server found there and what it expected. */
export function mistake(atColumn: string): string {
  const [, found = "", expected = ""] =
    /^there is (.*?), expected is (.*)$/s.exec(atColumn.trim()) ?? [];
  if (!expected) return atColumn;
  const [names = "", elsewhere] = expected.split("; a metric is ");
  if (elsewhere) return `${found} is no key. A metric is ${elsewhere}.`;
  const what = wanted(names);
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
