// What is set for all panels of a page; it is in the address.

import { useSearchParams } from "@solidjs/router";
import { settled, useText } from "../parts/address";
import type { Fields } from "./panelText";
import { applied, useSmoothing } from "./SmoothingControl";
import { ZOOM } from "./zooms";

/** Parameters of the address that are fields of every panel. */
const FIELDS = ["x", "logx", "logy", "y", "outliers"];

export function useSettings() {
  const texts = Object.fromEntries(FIELDS.map((name) => [name, useText(name)]));
  const [chosen, smooth] = useSmoothing();
  const [sync, setSync] = useText("sync");
  const [, setQuery] = useSearchParams();
  const get = (name: string) => texts[name]?.[0]() ?? "";
  const all = settled(
    (): Fields =>
      Object.fromEntries(FIELDS.flatMap((name) => (get(name) ? [[name, get(name)]] : []))),
  );
  const smoothing = settled(() => applied(chosen()));
  const isSynchronised = settled(() => !!sync());
  return {
    all,
    get,
    set: (name: string, value: string) => texts[name]?.[1](value),
    /** Chooses what is x. A range of one axis is none of another. */
    chooseAxis: (x: string) =>
      setQuery({ x: x === "step" ? undefined : x, [ZOOM]: undefined }, { replace: true }),
    smoothing,
    chosen,
    smooth,
    isSynchronised,
    synchronise: (on: boolean) => setSync(on ? "1" : ""),
  };
}

export type AllSettings = ReturnType<typeof useSettings>;
