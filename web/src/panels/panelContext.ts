// What panels know of the page that they are on.

import type { Band } from "../api/groupedHistories";
import type { Smoothing } from "../api/smoothing";
import type { DrawnGroups } from "../runs/drawnGroups";
import type { LiveRuns } from "../runs/liveRuns";
import type { RunList } from "../runs/runList";
import type { Panel, Section } from "./layout";
import type { Fields } from "./panelText";
import type { Range } from "./scales";
import type { CursorState } from "./sharedCursor";
import type { Panels, SetFields } from "./usePanels";

/** One for all panels of a page. */
export interface PanelContext {
  /** The runs that are drawn as curves, with all that they logged. */
  live: LiveRuns;
  /** All runs that the page found, of which those are some; a page of chosen runs has no other. */
  list: RunList | undefined;
  selected: () => Set<string>;
  /** The groups that are drawn; undefined where runs are not grouped. */
  groups: () => DrawnGroups | undefined;
  /** The band around the curve of a group. */
  band: () => Band;
  shared: CursorState;
  isSynchronised: () => boolean;
  smoothing: () => Smoothing | undefined;
  choose: (runId: string) => void;
  zoom: (id: string) => Range | undefined;
  setZoom: (id: string, range: Range | undefined) => void;
  /** How the panels of the page are changed; undefined where they stay as they are. */
  panels: Panels | undefined;
  /** The panel that has the whole page. */
  whole: () => string;
  setWhole: (id: string) => void;
  edit: (id: string) => void;
}

/** Of a page on which panels are changed. */
export interface ChangeableContext extends PanelContext {
  panels: Panels;
}

/** What each kind of panel is given. */
export interface KindProps {
  panel: Panel;
  section: Section;
  /** Those of the panel, and what is set for its section and for all. */
  fields: Fields;
  context: PanelContext;
  set: SetFields;
  /** How many panels have room beside each other. */
  columns: number;
}
