// The part of YAML in which MLflow writes the file `MLmodel`: maps in maps, lists of texts, and texts
// with and without quotes, which may go on in the next lines.

export type Yaml = string | Yaml[] | Map<string, Yaml>;

interface Line {
  indent: number;
  text: string;
}

/** Returns what a text says; raises SyntaxError where it is other YAML. */
export function parseYaml(text: string): Yaml {
  const lines = linesOf(text);
  const state = { at: 0 };
  const found = lines.length ? block(lines, state, lines[0]?.indent ?? 0, 0) : "";
  if (state.at < lines.length) throw new SyntaxError("no YAML that is known here");
  return found;
}

function linesOf(text: string): Line[] {
  const found: Line[] = [];
  for (const line of text.split("\n")) {
    const last = found.at(-1);
    const trimmed = line.trim();
    if (last && isOpen(last.text)) last.text += ` ${trimmed}`;
    else if (trimmed && !trimmed.startsWith("#") && trimmed !== "---") {
      const indent = line.length - line.trimStart().length;
      // A text without quotes goes on in lines that are indented more, and are neither key nor item.
      const goesOn = last && indent > last.indent && !isKey(trimmed) && !trimmed.startsWith("- ");
      if (goesOn) last.text += ` ${trimmed}`;
      else found.push({ indent, text: trimmed });
    }
  }
  return found;
}

function isKey(text: string): boolean {
  return /^[^'"\s][^:]*:(\s|$)/.test(text);
}

/** Whether a text in quotes has begun in a line, and not ended. */
function isOpen(text: string): boolean {
  const value = text.replace(/^- /, "").replace(/^[^'":]+:\s+/, "");
  const quote = value[0];
  if (quote !== "'" && quote !== '"') return false;
  const inner = value.slice(1).replaceAll(quote === "'" ? "''" : /\\./g, "");
  return !inner.endsWith(quote);
}

function block(lines: Line[], state: { at: number }, indent: number, depth: number): Yaml {
  if (depth > 20) throw new SyntaxError("nested too deep");
  const isList = lines[state.at]?.text.startsWith("- ");
  const list: Yaml[] = [];
  const map = new Map<string, Yaml>();
  while (state.at < lines.length) {
    const line = lines[state.at];
    if (!line || line.indent < indent || line.text.startsWith("- ") !== isList) break;
    if (line.indent > indent) throw new SyntaxError("indented more");
    state.at += 1;
    if (isList) {
      list.push(scalar(line.text.slice(2).trim()));
      continue;
    }
    const [, key, value] = /^([^:]+):(?:\s+(.*))?$/s.exec(line.text) ?? [];
    if (key === undefined) throw new SyntaxError("no key");
    const next = lines[state.at];
    const isParent = !value && next && (next.indent > indent || isItem(next, indent));
    map.set(key, isParent ? block(lines, state, next.indent, depth + 1) : scalar(value ?? ""));
  }
  return isList ? list : map;
}

/** Items of a list may stand below their key without being indented. */
function isItem(line: Line, indent: number): boolean {
  return line.indent === indent && line.text.startsWith("- ");
}

function scalar(text: string): string {
  if (text.startsWith("'") && text.endsWith("'")) return text.slice(1, -1).replaceAll("''", "'");
  if (text.startsWith('"') && text.endsWith('"')) {
    const joined = text.slice(1, -1).replaceAll(/\\ /g, "");
    return joined.replaceAll(/\\(.)/g, (_, letter) => (letter === "n" ? "\n" : letter));
  }
  return text === "null" || text === "~" ? "" : text;
}
