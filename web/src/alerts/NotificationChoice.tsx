// Whether the browser tells of alerts, and of which.

import { For, Show } from "solid-js";
import { LEVELS, type Level } from "../api/alerts";
import { LEVEL_WORDS } from "./LevelMark";
import { chooseLevel, leastLevel, lookForObstacles, obstacle } from "./notifications";

export function NotificationChoice() {
  lookForObstacles();
  const isOn = () => !obstacle() && leastLevel() !== undefined;
  return (
    <div class="notify">
      <label>
        <input
          type="checkbox"
          checked={isOn()}
          disabled={!!obstacle()}
          onChange={async (event) => {
            const box = event.currentTarget;
            await chooseLevel(box.checked ? "INFO" : undefined);
            box.checked = isOn(); // permission may have been refused
          }}
        />
        Notify me in this browser
      </label>
      <Show when={isOn()}>
        <select
          aria-label="Notify of"
          value={leastLevel()}
          onChange={(event) => chooseLevel(event.currentTarget.value as Level)}
        >
          <For each={LEVELS}>
            {(level) => (
              <option value={level}>
                {LEVEL_WORDS[level]}
                {level === "ERROR" ? "" : " and above"}
              </option>
            )}
          </For>
        </select>
      </Show>
      <Show when={obstacle()}>
        <p class="hint">{obstacle()}</p>
      </Show>
    </div>
  );
}
