// Names with their values.

import { For } from "solid-js";
import { LongText } from "../parts/LongText";

export function Facts(props: { facts: readonly (readonly [string, string])[] }) {
  return (
    <dl class="facts file-facts">
      <For each={props.facts}>
        {([name, value]) => (
          <>
            <dt>{name}</dt>
            <dd>
              <LongText text={value} />
            </dd>
          </>
        )}
      </For>
    </dl>
  );
}
