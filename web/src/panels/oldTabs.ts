// Links to the tabs that scatter and parallel coordinates once were: they lead to such a panel.

import { useSearchParams } from "@solidjs/router";
import { createEffect } from "solid-js";
import { listOf, useChange } from "../parts/address";
import { changesOf, type Fields, fieldOf, freeId, textOfChanges } from "./panelText";

export function leadOldTabs(): void {
  const [query] = useSearchParams();
  const change = useChange();
  const text = (name: string) => String(query[name] ?? "");
  createEffect(() => {
    const kind = text("tab");
    if (kind !== "scatter" && kind !== "parallel") return;
    const fields: Fields =
      kind === "parallel"
        ? { kind, in: "", ...(text("axes") && { of: fieldOf(listOf(text("axes"))) }) }
        : {
            kind,
            in: "",
            ...(text("scatterx") && { px: text("scatterx") }),
            ...(text("scattery") && { py: text("scattery") }),
          };
    const changes = changesOf(text("panels"));
    const panels = textOfChanges([...changes, { id: freeId(changes), fields }]);
    const gone = { tab: undefined, axes: undefined, scatterx: undefined, scattery: undefined };
    change({ ...gone, panels });
  });
}
