// The box in the head of the table, which selects all runs that are found.

import { createEffect } from "solid-js";
import { counted } from "../parts/format";

export function SelectAll(props: {
  total: number | undefined;
  selected: number;
  select: (on: boolean) => void;
}) {
  let box!: HTMLInputElement;
  const isAll = () => !!props.total && props.selected >= props.total;
  createEffect(() => {
    box.checked = isAll();
    box.indeterminate = props.selected > 0 && !isAll();
  });
  return (
    <input
      ref={box}
      type="checkbox"
      aria-label="Select all runs found"
      title={`Select ${props.total === undefined ? "all runs" : counted(props.total, "run")}`}
      onClick={() => props.select(!isAll())}
    />
  );
}
