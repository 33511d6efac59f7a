// The parts of a report: markdown, and addresses of panels in fenced blocks between.

interface Block {
  kind: "markdown" | "panels";
  text: string;
}

/** An address of the workspace: an experiment, and the query behind it. */
interface Address {
  experimentId: string;
  query: string;
}

// Blocks of panels that are drawn; each reads runs and points.
export const MOST_PANELS = 50;

const FENCE = /^ {0,3}(`{3,}|~{3,})\s*([\w-]*)\s*$/;

/** Returns the parts of a report in their order. */
export function blocksOf(text: string): Block[] {
  const blocks: Block[] = [];
  let lines: string[] = [];
  // The fence that is open, and whether panels are in it.
  let fence = "";
  let isPanels = false;
  const end = (kind: Block["kind"]) => {
    const found = lines.join("\n");
    if (kind === "panels" || found.trim()) blocks.push({ kind, text: found });
    lines = [];
  };
  for (const line of text.split(/\r?\n/)) {
    const [, marks = "", language = ""] = FENCE.exec(line) ?? [];
    if (fence) {
      const isEnd = marks.startsWith(fence) && !language;
      if (!isEnd || !isPanels) lines.push(line);
      if (isEnd && isPanels) end("panels");
      if (isEnd) fence = "";
    } else {
      isPanels = language === "runstream";
      if (isPanels) end("markdown");
      else lines.push(line);
      fence = marks;
    }
  }
  end(fence && isPanels ? "panels" : "markdown");
  return blocks;
}

/**
 * Returns the address in a block: a link to the workspace, or only its query, which is then of the
 * experiment of the report. Its lines are parts of the query, so that long ones can be read.
 */
export function addressOf(text: string, experimentId: string): Address {
  const whole = text
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean)
    .join("&");
  const [, of = experimentId] = /\/experiments\/(\d+)/.exec(whole) ?? [];
  const isLink = /\/experiments\/\d+/.test(whole) || whole.startsWith("?");
  const [, query = ""] = isLink ? (/^[^?]*\??(.*)$/s.exec(whole) ?? []) : ["", whole];
  return { experimentId: of, query };
}
