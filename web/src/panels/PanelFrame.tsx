// What is around every panel: its title, what can be done with it, and how it is moved and sized.

import { createSignal, createUniqueId, type JSX, Show } from "solid-js";
import { FormDialog } from "../parts/FormDialog";
import { Menu, type MenuItem } from "../parts/Menu";
import { attempt } from "../parts/notices";
import { dragGrip, dragSize } from "./dragPanel";
import type { KindProps } from "./panelContext";
import { savePng, saveSvg } from "./saveImage";
import { heightOf, MOST_WIDTH, panelSize, widthOf } from "./settings";

const ROW = 20;
// Four corners, that point outwards or inwards.
const LARGER = "M2 6V2h4M10 2h4v4M14 10v4h-4M6 14H2v-4";
const SMALLER = "M6 2v4H2M14 6h-4V2M10 14v-4h4M2 10h4v4";

type Drawn = SVGSVGElement | undefined;

export function PanelFrame(
  props: KindProps & {
    title: string;
    /** What it is to somebody who does not see it. */
    label: string;
    busy?: boolean;
    /** What is told in its head. */
    hint?: JSX.Element;
    /** What it shows as a drawing, of panels that are drawn. */
    picture?: () => Drawn | Promise<Drawn>;
    actions: MenuItem[];
    onKey?: (event: KeyboardEvent) => void;
    ref?: (element: HTMLElement) => void;
    children: JSX.Element;
  },
) {
  const id = createUniqueId();
  const isWhole = () => props.context.whole() === props.panel.id;
  const { panels } = props.context;
  const size = (to: { width?: number; height?: number }) => {
    const wide = Math.max(1, Math.min(MOST_WIDTH, to.width ?? widthOf(props.fields)));
    const high = to.height === undefined ? undefined : Math.round(to.height / ROW) * ROW;
    props.set({
      width: wide === 1 ? undefined : String(wide),
      ...(high !== undefined && { height: String(heightOf({ height: String(high) })) }),
    });
  };
  const sizeKeys: Record<string, () => void> = {
    ArrowLeft: () => size({ width: widthOf(props.fields) - 1 }),
    ArrowRight: () => size({ width: widthOf(props.fields) + 1 }),
    ArrowUp: () => size({ height: heightOf(props.fields) - 3 * ROW }),
    ArrowDown: () => size({ height: heightOf(props.fields) + 3 * ROW }),
  };
  const shift = (step: number) => {
    panels?.shift(props.panel.id, step);
    // It was taken out and put in again, which takes the focus.
    requestAnimationFrame(() => document.getElementById(id)?.focus());
  };
  const moveKeys: Record<string, () => void> = {
    ArrowLeft: () => shift(-1),
    ArrowUp: () => shift(-1),
    ArrowRight: () => shift(1),
    ArrowDown: () => shift(1),
  };
  const onKeys = (keys: Record<string, () => void>) => (event: KeyboardEvent) => {
    const action = keys[event.key];
    if (!action || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation();
    action();
  };
  const onKey = (event: KeyboardEvent) => {
    if (event.key === "Escape" && isWhole()) props.context.setWhole("");
    else if (event.target === event.currentTarget) props.onKey?.(event);
  };
  const [isSizing, setSizing] = createSignal(false);
  const save = async (write: (drawing: SVGSVGElement, title: string) => unknown) => {
    const drawing = await props.picture?.();
    if (drawing) await write(drawing, props.title);
  };
  const pictures = (): MenuItem[] => [
    { label: "PNG", act: () => attempt(() => save((...of) => savePng(...of))) },
    { label: "PNG of another size", act: () => setSizing(true) },
    { label: "SVG", act: () => attempt(() => save(saveSvg)) },
  ];
  const files = () => [...(props.picture ? pictures() : []), ...props.actions];
  const items = (): MenuItem[] => {
    if (!panels) return files();
    return [
      { label: "Edit", act: () => props.context.edit(props.panel.id) },
      ...files(),
      { label: "Remove", act: () => panels.remove(props.panel) },
    ];
  };
  return (
    <figure
      ref={props.ref}
      class="panel"
      classList={{ whole: isWhole() }}
      data-panel={props.panel.id}
      tabindex="0"
      aria-label={props.label}
      aria-busy={props.busy ?? false}
      style={panelSize(props.fields, props.columns)}
      onKeyDown={onKey}
    >
      <figcaption>
        <Show when={panels}>
          <button
            id={id}
            type="button"
            class="quiet grip"
            aria-label={`Move ${props.title}`}
            title="Drag to move, or use the arrow keys"
            onPointerDown={(event) =>
              dragGrip(event, (target, before) => drop(props, target, before))
            }
            onKeyDown={onKeys(moveKeys)}
          >
            ⠿
          </button>
        </Show>
        <span class="title" title={props.title}>
          {props.title}
        </span>
        {props.hint}
        <button
          type="button"
          class="quiet"
          aria-label={`${isWhole() ? "Leave full screen" : "Full screen"}: ${props.title}`}
          title={isWhole() ? "Leave full screen" : "Full screen"}
          onClick={() => props.context.setWhole(isWhole() ? "" : props.panel.id)}
        >
          <svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
            <path d={isWhole() ? SMALLER : LARGER} />
          </svg>
        </button>
        <Menu label={`More of ${props.title}`} items={items()} />
      </figcaption>
      <Show when={isSizing()}>
        <FormDialog
          title={`PNG of ${props.title}`}
          fields={[{ label: "Times as large as here", value: "4" }]}
          action="Save"
          done={([size]) => save((...of) => savePng(...of, Number(size)))}
          close={() => setSizing(false)}
        />
      </Show>
      {props.children}
      <Show when={panels && !isWhole()}>
        <button
          type="button"
          class="size"
          aria-label={`Size of ${props.title}`}
          title="Drag to size, or use the arrow keys"
          onPointerDown={(event) => dragSize(event, props.columns, size)}
          onKeyDown={onKeys(sizeKeys)}
        />
      </Show>
    </figure>
  );
}

/** Puts a panel before or behind another. */
function drop(props: KindProps, target: string, before: boolean): void {
  const { panels } = props.context;
  const section = panels?.sections().find((one) => one.panels.some((panel) => panel.id === target));
  if (!panels || !section || target === props.panel.id) return;
  const others = section.panels.filter((panel) => panel.id !== props.panel.id);
  const at = others.findIndex((panel) => panel.id === target);
  panels.move(props.panel.id, section, (before ? others[at - 1]?.id : target) ?? "");
}
