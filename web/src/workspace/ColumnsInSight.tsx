// The columns of the head or of a row: those that stay, and of the others those that are in sight.

import type { VirtualItem } from "@tanstack/solid-virtual";
import { For, type JSX } from "solid-js";
import type { Column } from "../runs/columns";
import type { ColumnLayout } from "./columnLayout";

export function ColumnsInSight(props: {
  layout: ColumnLayout;
  items: VirtualItem[];
  children: (column: () => Column, index: () => number) => JSX.Element;
}) {
  return (
    <>
      <For each={props.layout.pinned()}>
        {(column, index) => props.children(() => column, index)}
      </For>
      <div
        class="spacer"
        role="presentation"
        style={{ width: `${props.items[0]?.start ?? 0}px` }}
      />
      <For each={props.items}>
        {(item) =>
          props.children(
            () => props.layout.others()[item.index] ?? "",
            () => props.layout.pinned().length + item.index,
          )
        }
      </For>
    </>
  );
}
