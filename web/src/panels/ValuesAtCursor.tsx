// The values under the cursor of a chart, in a box that stays on the screen.

import { createMemo, createSignal, Index, onCleanup, onMount, Show } from "solid-js";
import { counted, quantity, unitOf } from "../parts/format";
import { xText } from "./axes";
import { type Found, MOST_TOLD, pointedAt } from "./cursorValues";
import type { Curve, Settings } from "./curves";
import type { Cursor } from "./linePlot";
import { RunSwatch } from "./RunSwatch";

type Spread = NonNullable<Found["spread"]>;

const GAP = 16;
const MARGIN = 8;

export function ValuesAtCursor(props: {
  at: Cursor;
  /** Whether a finger is there, which must not hide what it points at. */
  byTouch: boolean;
  found: Found[];
  /** The name of the run or group of a curve. */
  nameOf: (curve: Curve) => string;
  settings: Settings;
  /** Whether to say which of several metrics each is. */
  isNamed: boolean;
}) {
  let box!: HTMLDivElement;
  const [size, setSize] = createSignal({ width: 0, height: 0 });
  // The point that is nearest to the cursor; others say where theirs are.
  const x = createMemo(() => {
    const distance = (one: Found) => Math.abs(one.x - props.at.x);
    return props.found.reduce((a, b) => (distance(b) < distance(a) ? b : a)).x;
  });
  const text = (one: number) => xText(one, props.settings);
  const here = createMemo(() => text(x()));
  const pointed = createMemo(() => pointedAt(props.found));
  const name = ({ curve }: Found) => {
    const whose = props.nameOf(curve);
    return props.isNamed ? `${whose} · ${curve.name}` : whose;
  };
  const place = () => {
    const { left, top } = placeOf(props.at, props.byTouch, size());
    return `translate(${left}px, ${top}px)`;
  };
  // Told after each layout that changes the size, before it is painted: none is asked for.
  onMount(() => {
    const resized = new ResizeObserver(() =>
      setSize({ width: box.offsetWidth, height: box.offsetHeight }),
    );
    resized.observe(box, { box: "border-box" });
    onCleanup(() => resized.disconnect());
  });
  return (
    <div ref={box} class="values" role="status" style={{ transform: place() }}>
      <div class="at">{here()}</div>
      <Index each={props.found.slice(0, MOST_TOLD)}>
        {(one) => (
          <div class="value" classList={{ pointed: one() === pointed() }}>
            <RunSwatch id={one().curve.runId} />
            <span class="title">{name(one())}</span>
            <Show when={text(one().x) !== here()}>
              <span class="hint">{text(one().x)}</span>
            </Show>
            <Show when={one().spread}>
              {(spread) => <span class="hint">{spreadText(one(), spread())}</span>}
            </Show>
            <Show when={one().smooth !== undefined}>
              <span class="hint">raw {valueText(one(), one().raw)}</span>
            </Show>
            <b>{valueText(one(), one().smooth ?? one().raw)}</b>
          </div>
        )}
      </Index>
      <Show when={props.found.length > MOST_TOLD}>
        <div class="hint">
          and{" "}
          {counted(
            props.found.length - MOST_TOLD,
            props.isNamed || props.found.some(({ spread }) => spread) ? "curve" : "run",
          )}{" "}
          more
        </div>
      </Show>
    </div>
  );
}

/** `12 runs, 0.1 to 0.3`, or `9 of 12 runs, ...` where others have begun later, or have ended. */
function spreadText(found: Found, { count, runs: all, low, high }: Spread): string {
  const runs = count < all ? `${count} of ${counted(all, "run")}` : counted(count, "run");
  if (low === undefined || high === undefined) return runs;
  return `${runs}, ${valueText(found, low)} to ${valueText(found, high)}`;
}

export function valueText({ curve }: Found, value: number): string {
  return quantity(value, unitOf(curve.name));
}

/** Returns where a box beside the cursor is wholly on the screen; over a finger, if there is room. */
function placeOf(
  { over, left, top }: Cursor,
  byTouch: boolean,
  { width, height }: { width: number; height: number },
) {
  const inside = (at: number, size: number, room: number) =>
    Math.max(MARGIN, Math.min(at, room - size - MARGIN));
  const x = over.left + left;
  const y = over.top + (top ?? GAP);
  if (byTouch) {
    const above = y - height - 2 * GAP;
    return {
      left: inside(x - width / 2, width, innerWidth),
      top: inside(above < MARGIN ? y + 2 * GAP : above, height, innerHeight),
    };
  }
  const right = x + GAP;
  const fits = right + width + MARGIN <= innerWidth;
  return {
    left: inside(fits ? right : x - GAP - width, width, innerWidth),
    top: inside(y - height / 2, height, innerHeight),
  };
}
