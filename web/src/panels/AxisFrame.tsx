// Two axes, and what is drawn between them.

import { createSignal, createUniqueId, For, type JSX, onCleanup, onMount } from "solid-js";
import type { Dimension } from "./dimensions";

const LEFT = 72;
const TOP = 10;
const RIGHT = 16;
const FOOT = 44;

/** Where the axes are, in pixels of the drawing. */
interface Area {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

/** Returns the area of a drawing that fills an element, and how the element is noted. */
export function createArea(left = LEFT) {
  const [size, setSize] = createSignal({ width: 400, height: 260 });
  let element!: HTMLElement;
  onMount(() => {
    const fit = () => setSize({ width: element.clientWidth, height: element.clientHeight });
    fit();
    const observer = new ResizeObserver(fit);
    observer.observe(element);
    onCleanup(() => observer.disconnect());
  });
  return {
    size,
    area: (): Area => ({
      left,
      right: Math.max(left + 10, size().width - RIGHT),
      top: TOP,
      bottom: Math.max(TOP + 10, size().height - FOOT),
    }),
    note: (noted: HTMLElement) => {
      element = noted;
    },
  };
}

export function AxisFrame(props: {
  ref?: (element: SVGSVGElement) => void;
  label: string;
  size: { width: number; height: number };
  area: Area;
  across: Dimension;
  up: Dimension;
  children: JSX.Element;
}) {
  const clip = createUniqueId();
  return (
    <svg
      ref={(element) => props.ref?.(element)}
      role="img"
      aria-label={props.label}
      width={props.size.width}
      height={props.size.height}
      viewBox={`0 0 ${props.size.width} ${props.size.height}`}
    >
      <clipPath id={clip}>
        <rect
          x={props.area.left}
          y={props.area.top - 8}
          width={props.area.right - props.area.left + 12}
          height={props.area.bottom - props.area.top + 16}
        />
      </clipPath>
      <line
        class="axis"
        x1={props.area.left}
        x2={props.area.right}
        y1={props.area.bottom}
        y2={props.area.bottom}
      />
      <line
        class="axis"
        x1={props.area.left}
        x2={props.area.left}
        y1={props.area.top}
        y2={props.area.bottom}
      />
      <For each={props.across.ticks}>
        {(tick) => (
          <text class="tick" x={tick.at} y={props.area.bottom + 16} text-anchor="middle">
            {tick.text}
          </text>
        )}
      </For>
      <For each={props.up.ticks}>
        {(tick) => (
          <text class="tick" x={props.area.left - 6} y={tick.at + 4} text-anchor="end">
            {tick.text}
          </text>
        )}
      </For>
      <text
        class="name"
        x={(props.area.left + props.area.right) / 2}
        y={props.size.height - 8}
        text-anchor="middle"
      >
        {props.across.title}
      </text>
      <text
        class="name"
        transform={`translate(14,${(props.area.top + props.area.bottom) / 2}) rotate(-90)`}
        text-anchor="middle"
      >
        {props.up.title}
      </text>
      <g clip-path={`url(#${clip})`}>{props.children}</g>
    </svg>
  );
}
