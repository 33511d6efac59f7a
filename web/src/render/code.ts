// A text with the colours of its language.

import hljs from "highlight.js/lib/core";
import bash from "highlight.js/lib/languages/bash";
import diff from "highlight.js/lib/languages/diff";
import ini from "highlight.js/lib/languages/ini";
import java from "highlight.js/lib/languages/java";
import javascript from "highlight.js/lib/languages/javascript";
import json from "highlight.js/lib/languages/json";
import markdown from "highlight.js/lib/languages/markdown";
import python from "highlight.js/lib/languages/python";
import scala from "highlight.js/lib/languages/scala";
import sql from "highlight.js/lib/languages/sql";
import xml from "highlight.js/lib/languages/xml";
import yaml from "highlight.js/lib/languages/yaml";
import type { Made } from "./render";

const LANGUAGES = {
  bash,
  diff,
  ini,
  java,
  javascript,
  json,
  markdown,
  python,
  scala,
  sql,
  xml,
  yaml,
};
for (const [name, language] of Object.entries(LANGUAGES)) hljs.registerLanguage(name, language);

const OF_ENDING: Record<string, keyof typeof LANGUAGES> = {
  sh: "bash",
  diff: "diff",
  patch: "diff",
  cfg: "ini",
  ini: "ini",
  toml: "ini",
  java: "java",
  js: "javascript",
  ts: "javascript",
  json: "json",
  jsonl: "json",
  ipynb: "json",
  md: "markdown",
  py: "python",
  scala: "scala",
  sql: "sql",
  xml: "xml",
  yaml: "yaml",
  yml: "yaml",
  mlmodel: "yaml",
};
// An indented text may be many times as long.
const MOST_INDENTED = 500_000;

/** Returns the coloured HTML of a text; undefined if its language is not known. */
export function code(text: string, name: string): Made | undefined {
  const ending = name.toLowerCase().slice(name.lastIndexOf(".") + 1);
  const language = OF_ENDING[ending];
  if (!language) return undefined;
  const shown = ending === "json" ? indented(text) : text;
  return { html: hljs.highlight(shown, { language }).value }; // escapes what it did not write itself
}

/** Returns JSON with its structure in sight; as it is, if it is none, or has numbers that would change. */
function indented(text: string): string {
  try {
    const value: unknown = JSON.parse(text);
    const exact = JSON.stringify(value) === text.replaceAll(/\s/g, "");
    if (!exact && /\d{16}/.test(text)) return text;
    const found = JSON.stringify(value, null, 2);
    return found.length > MOST_INDENTED ? text : found;
  } catch {
    return text;
  }
}
