// The panels of a page, and how they are changed. What is changed is in the address.

import { createMemo } from "solid-js";
import { settled, useText } from "../parts/address";
import { changed, layoutOf, type Panel, type Section } from "./layout";
import { changesOf, type Fields, freeId, sectionId, textOfChanges } from "./panelText";

export type SetFields = (fields: Record<string, string | undefined>) => void;

export function usePanels(metrics: () => string[], series: () => string[]) {
  const [address, setAddress] = useText("panels");
  const text = settled(address);
  const changes = createMemo(() => changesOf(text()));
  const sections = createMemo(() => layoutOf(metrics(), series(), changes()));
  const panels = createMemo(
    () => new Map(sections().flatMap((section) => section.panels.map((one) => [one.id, one]))),
  );
  const sectionOf = (id: string) =>
    sections().find((section) => section.panels.some((panel) => panel.id === id));
  const set = (id: string, fields: Record<string, string | undefined>) =>
    setAddress((now) => textOfChanges(changed(changesOf(now), id, fields)));
  const move = (id: string, section: Section, after: string) =>
    set(id, { in: section.id.slice(1), after });
  return {
    sections,
    panel: (id: string): Panel | undefined => panels().get(id),
    section: (id: string): Section | undefined => sections().find((one) => one.id === id),
    set,
    /** Puts a panel behind another of a section, or first. */
    move,
    /** Moves a panel some places within its section. */
    shift: (id: string, step: number) => {
      const section = sectionOf(id);
      const others = section?.panels.filter((panel) => panel.id !== id) ?? [];
      const at = section?.panels.findIndex((panel) => panel.id === id) ?? 0;
      const to = Math.max(0, Math.min(others.length, at + step));
      if (section && to !== at) move(id, section, others[to - 1]?.id ?? "");
    },
    shiftSection: (id: string, step: number) => {
      const others = sections().filter((section) => section.id !== id);
      const at = sections().findIndex((section) => section.id === id) + step;
      set(id, { after: others[Math.max(0, at) - 1]?.id ?? "" });
    },
    add: (fields: Fields) => {
      let id = "";
      setAddress((now) => {
        const before = changesOf(now);
        id = freeId(before);
        return textOfChanges(changed(before, id, fields));
      });
      return id;
    },
    addSection: (name: string) => set(sectionId(name), { own: "1", after: "" }),
    /** A panel that is there by itself is left out; one that was added is gone. */
    remove: (panel: Panel) =>
      panel.id.startsWith("*")
        ? setAddress((now) => textOfChanges(changesOf(now).filter(({ id }) => id !== panel.id)))
        : set(panel.id, { gone: "1" }),
    isChanged: () => text() !== "",
    reset: () => setAddress(""),
  };
}

export type Panels = ReturnType<typeof usePanels>;
