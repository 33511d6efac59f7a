// A drawing of runs: pointer and keys go from run to run, and the one they are at is told.

import type { JSX } from "solid-js";
import type { Run } from "../api/runs";
import { type Column, text, title } from "../runs/columns";

export function Drawing(props: {
  label: string;
  /** In the order in which the keys go through them. */
  runs: Run[];
  /** What is told of the run that the pointer or the keys are at. */
  columns: Column[];
  over: Run | undefined;
  setOver: (run: Run | undefined) => void;
  /** Somebody chose the run that the keys are at. */
  choose: (runId: string) => void;
  children: JSX.Element;
}) {
  const onKey = (event: KeyboardEvent) => {
    if (event.target !== event.currentTarget) return;
    const last = props.runs.length - 1;
    const at = props.runs.findIndex((run) => run.id === props.over?.id);
    const to = {
      ArrowRight: at + 1,
      ArrowDown: at + 1,
      ArrowLeft: at < 0 ? last : at - 1,
      ArrowUp: at < 0 ? last : at - 1,
      Home: 0,
      End: last,
    }[event.key];
    if (to !== undefined) props.setOver(props.runs[Math.max(0, Math.min(last, to))]);
    else if (event.key === "Escape") props.setOver(undefined);
    else if (event.key === "Enter" && props.over) props.choose(props.over.id);
    else return;
    event.preventDefault();
  };
  return (
    <>
      <div class="drawing" tabindex="0" role="group" aria-label={props.label} onKeyDown={onKey}>
        {props.children}
      </div>
      <p class="told" role="status">
        {props.over && told(props.over, props.columns)}
      </p>
    </>
  );
}

function told(run: Run, columns: Column[]): string {
  const values = columns.map((column) => `${title(column)} ${text(run, column) || "—"}`);
  return [run.name, ...values].join(" · ");
}
