// A report as one file of HTML that needs neither a server nor an internet: its charts are pictures,
// with their points as CSV beside them.

import { fetched } from "../api/client";
import { rowsOf } from "../panels/figureRows";
import { svgText } from "../panels/saveImage";
import { csv, saveFile } from "../parts/saveFile";
import { colour } from "../parts/theme";

const DRAWN_MS = 10_000;
const LOOK_MS = 50;
// Of each curve in the CSV.
const POINTS = 2_000;
const METRICS = 50;

const STYLE = `
body { color: #1a202c; font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; }
figure { border: 1px solid #d9dee6; border-radius: 8px; break-inside: avoid; margin: 0; padding: .75rem; }
summary { margin: 1rem 0 .5rem; } summary h2 { display: inline; font-size: 1rem; }
figcaption { font-weight: 600; } img { max-width: 100%; }
.panels { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(22rem, 1fr)); }
.legend { display: flex; flex-wrap: wrap; gap: .25rem 1rem; list-style: none; padding: 0; }
.swatch { display: inline-block; height: .7em; width: 1em; }
.run-swatch { height: 8px; width: 18px; }
pre { background: #f5f7fa; overflow: auto; padding: .75rem; } .hint { color: #5a6578; font-size: .875rem; }
table { border-collapse: collapse; } td, th { border: 1px solid #d9dee6; padding: .25rem .5rem; }
`;

/** Saves a report that is shown as a file. */
export async function saveReport(title: string, shown: HTMLElement): Promise<void> {
  await drawAll(shown);
  const blocks = [...shown.querySelectorAll<HTMLElement>(".live")];
  const data = await Promise.all(blocks.map(csvOf));
  const copy = shown.cloneNode(true) as HTMLElement;
  const figures = [...shown.querySelectorAll<HTMLElement>("figure")];
  [...copy.querySelectorAll<HTMLElement>("figure")].forEach((figure, i) => {
    const from = figures[i];
    if (from) figure.replaceWith(pictureOf(from));
  });
  [...copy.querySelectorAll<HTMLElement>(".live")].forEach((block, i) => {
    block.querySelector(":scope > a")?.remove();
    const text = data[i];
    if (text) block.append(linkTo(text, `panels ${i + 1}.csv`));
  });
  const controls = ".charts > .bar, .section-menu, input, select, .unseen";
  for (const control of copy.querySelectorAll(controls)) control.remove();
  for (const button of copy.querySelectorAll("button")) button.replaceWith(...button.childNodes);
  saveFile(`${title}.html`, pageOf(title, copy), "text/html");
}

/**
 * Returns the page as text: as a document it would be under the policy of this one, which allows no
 * style in a page.
 */
function pageOf(title: string, content: HTMLElement): string {
  const named = (tag: string) => {
    const element = document.createElement(tag);
    element.textContent = title;
    return element.outerHTML;
  };
  const policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'";
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
${named("title")}
<style>${STYLE}</style>
</head>
<body>
${named("h1")}
${content.outerHTML}
</body>
</html>
`;
}

/** Has all charts drawn: one that is out of sight is not. */
async function drawAll(shown: HTMLElement): Promise<void> {
  const main = document.getElementById("main");
  const before = main?.scrollTop ?? 0;
  const end = Date.now() + DRAWN_MS;
  for (const block of shown.querySelectorAll<HTMLElement>(".live")) {
    block.scrollIntoView();
    await until(() => block.querySelector("figure, .empty") !== null, end);
    for (const figure of block.querySelectorAll<HTMLElement>("figure")) {
      figure.scrollIntoView();
      await until(() => isDrawn(figure), end);
    }
  }
  main?.scrollTo({ top: before });
}

function isDrawn(figure: HTMLElement): boolean {
  const plot = figure.querySelector<HTMLElement>("[data-points]");
  const isRead = figure.getAttribute("aria-busy") !== "true";
  return isRead && (plot === null || plot.dataset.points !== "0");
}

async function until(isDone: () => boolean, end: number): Promise<void> {
  while (!isDone() && Date.now() < end) await new Promise((done) => setTimeout(done, LOOK_MS));
  await new Promise(requestAnimationFrame);
}

/** Returns a panel as a figure: a drawing as a picture, and a table or a text as it is. */
function pictureOf(figure: HTMLElement): HTMLElement {
  const copy = document.createElement("figure");
  const caption = document.createElement("figcaption");
  caption.textContent = figure.querySelector(".title")?.textContent ?? "";
  copy.append(caption);
  for (const canvas of figure.querySelectorAll("canvas")) {
    const picture = document.createElement("img");
    picture.src = onGround(canvas);
    picture.alt = `Chart of ${caption.textContent}`;
    picture.width = canvas.width / devicePixelRatio;
    copy.append(picture);
  }
  for (const drawing of figure.querySelectorAll<SVGSVGElement>(
    ".plot svg[viewBox]:not([aria-hidden])",
  )) {
    const picture = document.createElement("img");
    picture.src = `data:image/svg+xml,${encodeURIComponent(svgText(drawing))}`;
    picture.alt = `Chart of ${caption.textContent}`;
    picture.style.background = colour("ground"); // its letters are those of the present theme
    copy.append(picture);
  }
  for (const shown of figure.querySelectorAll(".scrolled table, .notes"))
    copy.append(shown.cloneNode(true));
  return copy;
}

/** Returns a picture of a canvas on the ground of the present theme, whose letters it has. */
function onGround(canvas: HTMLCanvasElement): string {
  const out = document.createElement("canvas");
  out.width = canvas.width;
  out.height = canvas.height;
  const context = out.getContext("2d");
  if (!context) return "";
  context.fillStyle = colour("ground");
  context.fillRect(0, 0, out.width, out.height);
  context.drawImage(canvas, 0, 0);
  return out.toDataURL("image/png");
}

/**
 * Returns the points of the charts of a block, of groups as they are drawn and of runs thinned to what
 * charts draw; empty if there are none.
 */
async function csvOf(block: HTMLElement): Promise<string> {
  const [first, ...others] = [...block.querySelectorAll("figure")].flatMap((figure) => {
    const rows = rowsOf(figure);
    return rows ? [rows] : [];
  });
  // All of a block have the same head.
  if (first) return csv([...first, ...others.flatMap((rows) => rows.slice(1))]);
  const runs = (block.querySelector<HTMLElement>("[data-runs]")?.dataset.runs ?? "").split(",");
  const titles = [...block.querySelectorAll("figure:has(canvas) .title")].map(
    (title) => title.textContent ?? "",
  );
  const query = new URLSearchParams({ max_points: String(POINTS) });
  for (const run of runs.filter(Boolean)) query.append("run_ids", run);
  for (const title of titles.slice(0, METRICS)) query.append("metric_keys", title.trim());
  if (!query.has("run_ids") || !query.has("metric_keys")) return "";
  return (await fetched(`api/1.0/runstream/metrics/history/csv?${query}`, "csv")).text();
}

function linkTo(csv: string, name: string): HTMLElement {
  const link = document.createElement("a");
  link.href = `data:text/csv;charset=utf-8,${encodeURIComponent(csv)}`;
  link.download = name;
  link.textContent = "Points as CSV";
  return link;
}
