// The colour of a run or group, and the eye that shows and hides it in the charts.

import { Show } from "solid-js";
import { RunSwatch } from "../panels/RunSwatch";

export function EyeButton(props: {
  id: string;
  name: string;
  isOpen: boolean;
  toggle: () => void;
}) {
  return (
    <>
      <button
        type="button"
        class="eye quiet"
        tabindex="-1"
        aria-pressed={props.isOpen}
        aria-label={`Draw ${props.name}`}
        title={props.isOpen ? "Hide it in the charts" : "Show it in the charts"}
        onClick={() => props.toggle()}
      >
        <svg viewBox="0 0 16 16" fill="none" stroke="currentColor" aria-hidden="true">
          <path d="M1 8c2-3.5 4.5-5 7-5s5 1.5 7 5c-2 3.5-4.5 5-7 5S3 11.5 1 8z" />
          <Show when={props.isOpen} fallback={<path d="M2.5 13.5l11-11" />}>
            <circle cx="8" cy="8" r="2.2" fill="currentColor" />
          </Show>
        </svg>
      </button>
      <RunSwatch id={props.id} off={!props.isOpen} />
    </>
  );
}
