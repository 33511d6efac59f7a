// An SVG picture, unless drawing it could stop the page.

import { createSignal, Show } from "solid-js";
import { fileUrl, readText, TEXT_BYTES } from "../api/artifacts";
import { ErrorNote } from "../parts/ErrorNote";
import { createLoaded } from "../parts/loaded";
import type { ShownFile } from "./shownFile";

const MOST_ELEMENTS = 300_000;

export default function SvgImage(props: ShownFile) {
  const [anyway, setAnyway] = createSignal(false);
  const [failed, setFailed] = createSignal(false);
  const safe = createLoaded(
    () => [props.runId, props.artifact.path, props.artifact.sha256, props.artifact.size] as const,
    async ([run, path, , size]) =>
      size <= TEXT_BYTES && elementsDrawn(await readText(run, path)) <= MOST_ELEMENTS,
  );
  return (
    <>
      <Show when={safe.error()}>{(error) => <ErrorNote error={error()} again={safe.again} />}</Show>
      <Show
        when={safe.value() || anyway()}
        fallback={
          <Show when={!safe.loading()}>
            <p class="hint">This picture may be too much for the page; it can be downloaded.</p>
            <button type="button" onClick={() => setAnyway(true)}>
              Show it all the same
            </button>
          </Show>
        }
      >
        <Show when={!failed()} fallback={<p class="hint">The browser cannot show this image.</p>}>
          <img
            src={fileUrl(props.runId, props.artifact.path)}
            alt={props.artifact.name}
            onError={() => setFailed(true)}
          />
        </Show>
      </Show>
    </>
  );
}

/**
 * Returns how many elements a browser draws: `use` draws another element again, with what that uses
 * in turn, so a few lines can be billions. Infinite if one uses itself.
 */
function elementsDrawn(text: string): number {
  const found = new DOMParser().parseFromString(text, "image/svg+xml");
  const counts = new Map<Element, number>();
  const count = (element: Element): number => {
    const known = counts.get(element);
    if (known !== undefined) return known;
    counts.set(element, Number.POSITIVE_INFINITY); // until it is counted
    let sum = 1;
    for (const child of element.children) sum += count(child);
    const used = element.localName === "use" ? found.getElementById(target(element)) : null;
    if (used) sum += count(used);
    counts.set(element, sum);
    return sum;
  };
  return count(found.documentElement);
}

function target(use: Element): string {
  const link = use.getAttribute("href") ?? use.getAttribute("xlink:href") ?? "";
  return link.replace(/^#/, "");
}
