// The line between the list and the charts: dragged, or moved by the arrow keys.

import { follow } from "../parts/follow";

const STEP = 24;

export function Divider(props: {
  /** Where it is: pixels of the list, between two ends. */
  width: number;
  least: number;
  most: number;
  move: (width: number) => void;
}) {
  let line!: HTMLDivElement;
  const left = () => line.parentElement?.getBoundingClientRect().left ?? 0;
  const onKey = (event: KeyboardEvent) => {
    const to: Record<string, number> = {
      ArrowLeft: props.width - STEP,
      ArrowRight: props.width + STEP,
      Home: props.least,
      End: props.most,
    };
    const width = to[event.key];
    if (width === undefined) return;
    event.preventDefault();
    props.move(width);
  };
  return (
    <div
      ref={line}
      class="divider"
      role="separator"
      tabindex="0"
      aria-orientation="vertical"
      aria-label="Width of the list of runs"
      aria-controls="runs"
      aria-valuenow={Math.round(props.width)}
      aria-valuemin={Math.round(props.least)}
      aria-valuemax={Math.round(props.most)}
      onPointerDown={(event) => {
        event.preventDefault();
        follow(event, (moved) => props.move(moved.clientX - left()));
      }}
      onKeyDown={onKey}
    />
  );
}
