// Whether the browser tells of alerts, and of which.

import { createSignal, For, Show } from "solid-js";
import { LEVELS, type Level } from "../api/alerts";
import { LEVEL_WORDS } from "./LevelMark";
import { chooseLevel, leastLevel, obstacle } from "./notifications";

export function NotificationChoice() {
  // What the browser has been told is no signal: it is asked again after each choice.
  const [why, setWhy] = createSignal(obstacle());
  const isOn = () => !why() && leastLevel() !== undefined;
  const choose = async (level: Level | undefined) => {
    await chooseLevel(level);
    setWhy(obstacle());
  };
  return (
    <div class="notify">
      <label>
        <input
          type="checkbox"
          checked={isOn()}
          disabled={!!why()}
          onChange={async (event) => {
            const box = event.currentTarget;
            await choose(box.checked ? "INFO" : undefined);
            box.checked = isOn(); // permission may have been refused
          }}
        />
        Notify me in this browser
      </label>
      <Show when={isOn()}>
        <select
          aria-label="Notify of"
          value={leastLevel()}
          onChange={(event) => choose(event.currentTarget.value as Level)}
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
      <Show when={why()}>
        <p class="hint">{why()}</p>
      </Show>
    </div>
  );
}
