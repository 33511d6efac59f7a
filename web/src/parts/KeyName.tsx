// The name of a param, metric, tag or file: broken after a separator, never within a word as long as
// there is room for one.

import { For } from "solid-js";

export function KeyName(props: { name: string }) {
  const pieces = () => props.name.split(/(?<=[/._:-])(?=[^/._:-])/);
  return (
    <span class="key-name" title={props.name}>
      <For each={pieces()}>
        {(piece, i) => (
          <>
            {i() > 0 && <wbr />}
            {piece}
          </>
        )}
      </For>
    </span>
  );
}
