// How lines are smoothed: a kind, and a slider for how much.

import { For, Show } from "solid-js";
import type { Smoothing, SmoothingKind } from "../api/smoothing";
import { useChange, useText } from "../parts/address";

interface Kind {
  name: string;
  /** What an amount is told in; empty for a weight. */
  unit: string;
  /** What the kind begins with. */
  usual: number;
  /** The greatest amount on the slider; none, if there is no amount. */
  most: number;
}

const KINDS: Record<SmoothingKind, Kind> = {
  exponential: { name: "Exponential", unit: "", usual: 0.6, most: 0.99 },
  time: { name: "Time-weighted", unit: "steps", usual: 10, most: 1e6 },
  gaussian: { name: "Gaussian", unit: "points", usual: 5, most: 1e4 },
  mean: { name: "Running mean", unit: "points", usual: 11, most: 1e5 },
  min: { name: "Least so far", unit: "", usual: 0, most: 0 },
  max: { name: "Greatest so far", unit: "", usual: 0, most: 0 },
};

// What an address without a kind says.
export const USUAL_KIND: SmoothingKind = "exponential";

// Positions of a slider whose amounts grow by a factor.
const POSITIONS = 100;

/** Returns the smoothing that two texts of an address say, with no amount where that says none. */
function smoothingOf(kindText: string, amountText: string): Smoothing {
  const kind = (Object.hasOwn(KINDS, kindText) ? kindText : USUAL_KIND) as SmoothingKind;
  const least = kind === "mean" ? 1 : 0;
  const amount = Math.min(KINDS[kind].most, Number(amountText) || 0);
  return { kind, amount: amount >= least ? amount : 0 };
}

/** The smoothing of the address, and how to change it. */
export function useSmoothing(): [() => Smoothing, (value: Smoothing) => void] {
  const [kindText] = useText("smoothingkind");
  const [amountText] = useText("smoothing");
  const change = useChange();
  const get = () => smoothingOf(kindText(), amountText());
  const set = ({ kind, amount }: Smoothing) =>
    change({
      smoothing: amount ? String(amount) : undefined,
      smoothingkind: kind === USUAL_KIND ? undefined : kind,
    });
  return [get, set];
}

/** Returns what is smoothed by; undefined if nothing is. */
export function applied(smoothing: Smoothing): Smoothing | undefined {
  return smoothing.amount || !KINDS[smoothing.kind].most ? smoothing : undefined;
}

export function sameSmoothing(one: Smoothing | undefined, other: Smoothing | undefined): boolean {
  return one?.kind === other?.kind && one?.amount === other?.amount;
}

export function SmoothingControl(props: {
  smoothing: Smoothing;
  change: (smoothing: Smoothing) => void;
}) {
  const kind = () => KINDS[props.smoothing.kind];
  const isWeight = () => !kind().unit;
  const slide = (text: string) => {
    const amount = isWeight() ? Number(text) : amountAt(Number(text), kind().most);
    props.change({ kind: props.smoothing.kind, amount });
  };
  return (
    <label>
      Smoothing
      <Show when={kind().most} fallback={<output>{kind().name.toLowerCase()}</output>}>
        <input
          type="range"
          aria-label="Smoothing"
          min="0"
          max={isWeight() ? 0.99 : POSITIONS}
          step={isWeight() ? 0.01 : 1}
          value={
            isWeight() ? props.smoothing.amount : positionOf(props.smoothing.amount, kind().most)
          }
          aria-valuetext={told(props.smoothing)}
          onInput={(event) => slide(event.currentTarget.value)}
        />
        <output>{told(props.smoothing)}</output>
      </Show>
    </label>
  );
}

export function SmoothingKindChoice(props: {
  smoothing: Smoothing;
  change: (smoothing: Smoothing) => void;
}) {
  const choose = (name: SmoothingKind) => props.change({ kind: name, amount: KINDS[name].usual });
  return (
    <label>
      Smoothing
      <select
        aria-label="Kind of smoothing"
        value={props.smoothing.kind}
        onChange={(event) => choose(event.currentTarget.value as SmoothingKind)}
      >
        <For each={Object.entries(KINDS)}>
          {([name, { name: title }]) => <option value={name}>{title}</option>}
        </For>
      </select>
    </label>
  );
}

function told({ kind, amount }: Smoothing): string {
  const { unit } = KINDS[kind];
  if (!unit) return amount.toFixed(2);
  return amount ? `${amount} ${unit}` : "off";
}

/** Returns the amount at a position: none at 0, and then from 1 on by equal factors. */
function amountAt(position: number, most: number): number {
  if (!position) return 0;
  return Math.round(most ** ((position - 1) / (POSITIONS - 1)));
}

function positionOf(amount: number, most: number): number {
  return amount < 1 ? 0 : 1 + Math.round(((POSITIONS - 1) * Math.log(amount)) / Math.log(most));
}
