// Shows in a dialog what a text of the runs differs in.

import { createSignal, Show, Suspense } from "solid-js";
import type { Run } from "../api/runs";
import { Dialog } from "../parts/Dialog";
import { lazyPart } from "../parts/lazyPart";

const RunDiff = lazyPart(() => import("./RunDiff"));

export function DiffButton(props: {
  /** What is compared: the key of a param, the path of a file. */
  name: string;
  runs: Run[];
  left: string;
  right: string;
  of: (run: Run) => Promise<string>;
}) {
  const [open, setOpen] = createSignal(false);
  return (
    <>
      <button
        type="button"
        class="quiet diff-button"
        aria-label={`Differences of ${props.name}`}
        onClick={() => setOpen(true)}
      >
        Differences
      </button>
      <Show when={open()}>
        <Dialog title={props.name} close={() => setOpen(false)} wide>
          <Suspense fallback={<p class="hint">Loading…</p>}>
            <RunDiff
              label={`Differences of ${props.name}`}
              runs={props.runs}
              left={props.left}
              right={props.right}
              of={props.of}
            />
          </Suspense>
        </Dialog>
      </Show>
    </>
  );
}
