// A text with the colours of its language.

import hljs from "highlight.js/lib/core";
import bash from "highlight.js/lib/languages/bash";
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
import { createMemo, Show } from "solid-js";

const LANGUAGES = { bash, ini, java, javascript, json, markdown, python, scala, sql, xml, yaml };
for (const [name, language] of Object.entries(LANGUAGES)) hljs.registerLanguage(name, language);

const OF_ENDING: Record<string, keyof typeof LANGUAGES> = {
  sh: "bash",
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
// Above this the colours would take longer than they are worth.
const MOST = 200_000;

export default function Source(props: { name: string; text: string }) {
  const ending = () => props.name.toLowerCase().slice(props.name.lastIndexOf(".") + 1);
  const text = createMemo(() => (ending() === "json" ? indented(props.text) : props.text));
  const coloured = createMemo(() => {
    const language = OF_ENDING[ending()];
    if (!language || text().length > MOST) return undefined;
    return hljs.highlight(text(), { language }).value; // escapes what it did not write itself
  });
  return (
    <pre class="source" tabindex="0" role="region" aria-label={`Content of ${props.name}`}>
      <Show when={coloured()} fallback={text()}>
        {(html) => <code innerHTML={html()} />}
      </Show>
    </pre>
  );
}

/** Returns JSON with its structure in sight; as it is, if it is none, or has numbers that would change. */
function indented(text: string): string {
  try {
    const value: unknown = JSON.parse(text);
    const exact = JSON.stringify(value) === text.replaceAll(/\s/g, "");
    return exact || !/\d{16}/.test(text) ? JSON.stringify(value, null, 2) : text;
  } catch {
    return text;
  }
}
