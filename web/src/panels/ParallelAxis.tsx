// An axis of the parallel coordinates. A range of it is chosen by dragging along it, or with the
// keys at either of its ends.

import { For, Show } from "solid-js";
import { follow } from "../parts/follow";
import type { Dimension } from "./dimensions";
import { heat } from "./heat";

export const TOP = 46;
const TITLE = TOP - 14;
const ROW = 16;
// Pixels of a letter of titles and of ticks.
const LETTER = 7.5;
const SMALL = 6.3;
// So far beyond an axis it can be taken hold of, to choose its ends, too.
const BEYOND = 8;
const STEPS = 20;

const SHADES = Array.from({ length: 40 }, (_, i) => i);
const MOST_TITLE = 112;

/** What is chosen of an axis, from one place to another. */
export type Brush = [number, number];

export function Axis(props: {
  dimension: Dimension;
  /** Where it ends, in pixels from the top. */
  bottom: number;
  x: number;
  /** Pixels to the next axis. */
  gap: number;
  /** Whether its title stands above those of its neighbours. */
  isRaised: boolean;
  /** Whether the colours of lines are those of its values. */
  isScale: boolean;
  brush: Brush | undefined;
  choose: (brush: Brush | undefined) => void;
}) {
  const name = () => cut(props.dimension.title, Math.min(props.gap * 2, MOST_TITLE) / LETTER);
  const top = () => props.brush?.[0] ?? TOP;
  const bottom = () => props.brush?.[1] ?? props.bottom;
  const set = (brush: Brush) =>
    props.choose(brush[0] <= TOP && brush[1] >= props.bottom ? undefined : brush);
  return (
    <g transform={`translate(${props.x},0)`}>
      <text class="name" y={props.isRaised ? TITLE - ROW : TITLE} text-anchor="middle">
        <Show when={name() !== props.dimension.title}>
          <title>{props.dimension.title}</title>
        </Show>
        {name()}
      </text>
      <line class="axis" y1={TOP} y2={props.bottom} />
      <Show when={props.isScale}>
        <For each={SHADES}>
          {(shade) => (
            <rect
              class="shade"
              x={-2}
              width={5}
              y={props.bottom - ((shade + 1) / SHADES.length) * (props.bottom - TOP)}
              height={(props.bottom - TOP) / SHADES.length + 0.5}
              fill={heat((shade + 0.5) / SHADES.length)}
            />
          )}
        </For>
      </Show>
      <For each={props.dimension.ticks}>
        {(tick) => (
          <text class="tick halo" x={-6} y={tick.at + 4} text-anchor="end">
            {cut(tick.text, (props.gap - 14) / SMALL)}
          </text>
        )}
      </For>
      <Show when={props.brush}>
        {(brush) => (
          <rect class="brush" x={-8} width={16} y={brush()[0]} height={brush()[1] - brush()[0]} />
        )}
      </Show>
      <rect
        class="handle"
        x={-10}
        width={20}
        y={TOP - BEYOND}
        height={props.bottom - TOP + 2 * BEYOND}
        onPointerDown={(event) => drag(event, props.choose)}
      />
      <End
        label={`Highest ${props.dimension.title}`}
        place={top()}
        bottom={props.bottom}
        text={props.dimension.textAt(top())}
        move={(to) => set([Math.max(TOP, Math.min(bottom(), to)), bottom()])}
        leave={() => props.choose(undefined)}
      />
      <End
        label={`Lowest ${props.dimension.title}`}
        place={bottom()}
        bottom={props.bottom}
        text={props.dimension.textAt(bottom())}
        move={(to) => set([top(), Math.min(props.bottom, Math.max(top(), to))])}
        leave={() => props.choose(undefined)}
      />
    </g>
  );
}

/** Returns a text, or as much of it as there is room for. */
function cut(text: string, letters: number): string {
  return text.length <= letters ? text : `${text.slice(0, Math.max(1, Math.floor(letters) - 1))}…`;
}

/** An end of what is chosen, for the keys. */
function End(props: {
  label: string;
  place: number;
  bottom: number;
  text: string;
  move: (to: number) => void;
  leave: () => void;
}) {
  const onKey = (event: KeyboardEvent) => {
    const step = (props.bottom - TOP) / STEPS;
    const to = {
      ArrowUp: props.place - step,
      ArrowDown: props.place + step,
      PageUp: props.place - 5 * step,
      PageDown: props.place + 5 * step,
      Home: props.bottom,
      End: TOP,
    }[event.key];
    if (to !== undefined) props.move(to);
    else if (event.key === "Escape") props.leave();
    else return;
    event.preventDefault();
  };
  return (
    <rect
      class="end"
      role="slider"
      tabindex="0"
      aria-label={props.label}
      aria-orientation="vertical"
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.round((100 * (props.bottom - props.place)) / (props.bottom - TOP))}
      aria-valuetext={props.text}
      x={-10}
      width={20}
      y={props.place - 2}
      height={4}
      onKeyDown={onKey}
    />
  );
}

/** Follows the pointer from where it went down, and says what it chose; nothing by a click. */
function drag(
  event: PointerEvent & { currentTarget: SVGElement },
  chose: (brush: Brush | undefined) => void,
) {
  const top = event.currentTarget.ownerSVGElement?.getBoundingClientRect().top ?? 0;
  const start = event.clientY - top;
  chose(undefined);
  follow(event, (moved) => {
    const end = moved.clientY - top;
    if (Math.abs(end - start) > 3) chose([Math.min(start, end), Math.max(start, end)]);
  });
}
