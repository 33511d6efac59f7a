// A choice of views of one thing.

import { For } from "solid-js";

export function Tabs(props: {
  label: string;
  tabs: Record<string, string>;
  chosen: string;
  choose: (tab: string) => void;
}) {
  const names = () => Object.keys(props.tabs);
  const onKey = (event: KeyboardEvent & { currentTarget: HTMLElement }) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const at = names().indexOf(props.chosen) + step + names().length;
    props.choose(names()[at % names().length] ?? "");
    event.currentTarget.querySelector<HTMLElement>("[aria-selected=true]")?.focus();
  };
  return (
    <div class="tabs" role="tablist" aria-label={props.label} tabindex="-1" onKeyDown={onKey}>
      <For each={names()}>
        {(name) => (
          <button
            type="button"
            role="tab"
            aria-selected={props.chosen === name}
            tabindex={props.chosen === name ? 0 : -1}
            onClick={() => props.choose(name)}
          >
            {props.tabs[name]}
          </button>
        )}
      </For>
    </div>
  );
}
