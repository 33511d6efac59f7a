// An error where it happened, with what to do.

import { Show } from "solid-js";
import type { ApiError } from "../api/client";

// By reason, or else by code.
const ADVICE: Record<string, string> = {
  NO_ANSWER: "It may be busy, or the network between is slow: try again.",
  EXPERIMENT_EXISTS: "Choose another name; a deleted one keeps its name until it is purged.",
  SERVER_LOST: "It is asked again every second; check that it runs.",
  RESOURCE_DOES_NOT_EXIST: "It may have been deleted, or the address is mistyped.",
  RESOURCE_ALREADY_EXISTS: "Choose another name.",
  TEMPORARILY_UNAVAILABLE: "The server is starting or stopping: try again in a moment.",
  DATA_LOSS: "Other metrics, files and runs are not concerned.",
  INTERNAL_ERROR: "The server's log has the details.",
  FAULT: "Reload the page; if it comes again, please report it.",
};

function adviceOn({ reason, code }: ApiError): string | undefined {
  return ADVICE[reason] ?? ADVICE[code];
}

export function ErrorNote(props: { error: ApiError; again?: () => void }) {
  return (
    <div class="error" role="alert">
      <p>{props.error.message}</p>
      <Show when={adviceOn(props.error)}>{(advice) => <p class="advice">{advice()}</p>}</Show>
      <Show when={props.again}>
        <button type="button" onClick={() => props.again?.()}>
          Try again
        </button>
      </Show>
    </div>
  );
}
