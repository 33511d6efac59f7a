// What is set for all panels of a page; it is in the address.

import { BANDS, type Band } from "../api/groupedHistories";
import { settled, useChange, useText } from "../parts/address";
import type { Fields } from "./panelText";
import { applied, useSmoothing } from "./SmoothingControl";
import { ZOOM } from "./zooms";

/** Parameters of the address that are fields of every panel. */
const FIELDS = ["x", "logx", "logy", "y", "outliers"];

export function useSettings() {
  const texts = Object.fromEntries(FIELDS.map((name) => [name, useText(name)]));
  const [chosen, smooth] = useSmoothing();
  const [bandText, setBand] = useText("band");
  const [sync, setSync] = useText("sync");
  const change = useChange();
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
    chooseAxis: (x: string) => change({ x: x === "step" ? undefined : x, [ZOOM]: undefined }),
    smoothing,
    chosen,
    smooth,
    /** What is drawn around the curves of groups. */
    band: settled((): Band => BANDS.find((one) => one === bandText()) ?? BANDS[0]),
    chooseBand: (band: Band) => setBand(band === BANDS[0] ? "" : band),
    isSynchronised,
    synchronise: (on: boolean) => setSync(on ? "1" : ""),
  };
}

export type AllSettings = ReturnType<typeof useSettings>;
