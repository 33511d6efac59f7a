// The filter: its conditions as chips, and a field that completes the next one while it is typed.

import { createEffect, createSignal, createUniqueId, For, on, Show } from "solid-js";
import type { ApiError } from "../api/client";
import type { View } from "../api/filters";
import type { Keys } from "../api/runs";
import { FilterChips } from "./FilterChips";
import { type Completion, createCompletions } from "./filterCompletions";
import { mistake } from "./filterMistake";
import { type Place, placeAfter } from "./filterPlace";
import { filterOf, joined, partsOf } from "./filterText";
import { rememberMe } from "./ownRuns";
import { QuickFilters } from "./QuickFilters";
import "../style/filter.css";

export function FilterBox(props: {
  value: string;
  apply: (filter: string) => void;
  experimentId: string;
  view: View;
  keys: Keys | undefined;
  wanted: () => void;
  error: ApiError | undefined;
}) {
  const id = createUniqueId();
  let input!: HTMLInputElement;
  const [typed, setTyped] = createSignal("");
  // A filter with a mistake is text as a whole, so that it can be mended where it is wrong.
  const [whole, setWhole] = createSignal(false);
  const [editing, setEditing] = createSignal<number>();
  const [place, setPlace] = createSignal<Place>();
  const [at, setAt] = createSignal(-1);
  const [scrolled, setScrolled] = createSignal(0);
  let choosesMe = false;

  const { found, range } = createCompletions({
    place,
    keys: () => props.keys,
    experimentId: () => props.experimentId,
    view: () => props.view,
  });
  const parts = () => (whole() ? [] : partsOf(props.value));
  const write = (text: string) => {
    input.value = text;
    setTyped(text);
    setPlace(undefined);
    setAt(-1);
  };
  createEffect(
    on([() => props.value, () => props.error], ([value, error], before) => {
      if (error) {
        setWhole(true);
        write(value);
      } else if (value !== before?.[0] || before?.[1]) {
        // What is being typed stays when the filter changes by a chip.
        if (whole()) write("");
        setWhole(false);
        setEditing(undefined);
      }
    }),
  );

  const look = () => {
    props.wanted();
    setPlace(placeAfter(input.value.slice(0, input.selectionStart ?? 0)));
    setAt(-1);
    setScrolled(input.scrollLeft);
  };
  const complete = (completion: Completion) => {
    const end = input.selectionStart ?? input.value.length;
    input.setRangeText(completion.insert, place()?.start ?? end, end, "end");
    setTyped(input.value);
    input.focus();
    look();
  };
  const change = (next: string[]) => {
    setEditing(undefined);
    write("");
    props.apply(joined(next));
  };
  const commit = () => {
    const filter = filterOf(input.value.trim());
    const made = (choosesMe && rememberMe(filter)) || filter;
    choosesMe = false;
    if (whole()) return props.apply(made);
    const next = [...parts()];
    const edited = editing();
    next.splice(edited ?? next.length, edited === undefined ? 0 : 1, ...partsOf(made));
    change(next);
  };
  const edit = (index: number) => {
    setEditing(index);
    write(parts()[index] ?? "");
    input.focus();
  };
  const chooseMe = (text: string) => {
    choosesMe = true;
    write(text);
    input.focus();
    look();
  };
  const cancel = () => {
    if (place()) setPlace(undefined);
    else if (editing() !== undefined) {
      setEditing(undefined);
      write("");
    } else return false;
    return true;
  };
  const onKey = (event: KeyboardEvent) => {
    const list = found();
    if (event.key === "ArrowDown" && !place()) look();
    else if (event.key === "ArrowDown" && list.length) setAt((at() + 1) % list.length);
    else if (event.key === "ArrowUp" && list.length)
      setAt(((at() + list.length) % (list.length + 1)) - 1);
    else if (event.key === "Tab" && !event.shiftKey && place()?.word && list.length)
      complete(list[Math.max(0, at())] as Completion);
    else if (event.key === "Enter" && list[at()]) complete(list[at()] as Completion);
    else if (event.key === "Enter") commit();
    else if (event.key === "Backspace" && !input.value && parts().length) edit(parts().length - 1);
    else if (event.key !== "Escape" || !cancel()) return;
    event.preventDefault();
  };
  // An error stays until the text is another one.
  const error = () => (typed() === props.value ? props.error : undefined);

  return (
    <div class="filter">
      <div class="field">
        <div class="box" classList={{ wrong: !!error() }}>
          <FilterChips
            parts={parts()}
            editing={editing()}
            edit={edit}
            remove={(index) => change(parts().filter((_, other) => other !== index))}
          />
          <input
            ref={input}
            type="text"
            data-search
            role="combobox"
            aria-label="Filter runs"
            aria-expanded={found().length > 0}
            aria-controls={`${id}-list`}
            aria-activedescendant={found()[at()] ? `${id}-${at()}` : undefined}
            aria-autocomplete="list"
            aria-invalid={!!error()}
            aria-describedby={error() ? `${id}-error` : undefined}
            placeholder={parts().length ? "and …" : "Filter: a name, or metrics.loss < 0.1"}
            autocomplete="off"
            spellcheck={false}
            onInput={() => {
              setTyped(input.value);
              look();
            }}
            onFocus={() => props.wanted()}
            onBlur={() => setPlace(undefined)}
            onScroll={() => setScrolled(input.scrollLeft)}
            onKeyDown={onKey}
          />
          <Show when={typed() && typed() !== props.value}>
            <button type="button" onClick={commit}>
              Apply
            </button>
          </Show>
        </div>
        <Show when={error()}>
          {(now) => (
            <div class="filter-error" role="alert" id={`${id}-error`}>
              <Show when={now().column} fallback={now().message}>
                <div
                  class="arrow"
                  aria-hidden="true"
                  style={{ "padding-left": `calc(${now().column - 1}ch - ${scrolled()}px)` }}
                >
                  <span>▲</span>
                </div>
                Column {now().column}: {mistake(now())}
              </Show>
            </div>
          )}
        </Show>
        <Completions id={id} found={found()} range={range()} active={at()} complete={complete} />
      </div>
      <QuickFilters
        experimentId={props.experimentId}
        filter={props.value}
        hasUserTag={props.keys?.tags.includes("mlflow.user") ?? true}
        apply={props.apply}
        chooseMe={chooseMe}
      />
    </div>
  );
}

function Completions(props: {
  id: string;
  found: Completion[];
  range: string;
  active: number;
  complete: (completion: Completion) => void;
}) {
  let list!: HTMLDivElement;
  createEffect(() => list.children[props.active]?.scrollIntoView({ block: "nearest" }));
  return (
    <div class="completions" hidden={!props.found.length && !props.range}>
      <p class="range" role="status">
        {props.range && `Values: ${props.range}`}
      </p>
      <div
        ref={list}
        role="listbox"
        id={`${props.id}-list`}
        aria-label="Completions"
        hidden={!props.found.length}
      >
        <For each={props.found}>
          {(completion, index) => (
            // biome-ignore lint/a11y/useKeyWithClickEvents: the keys are those of the text field
            <div
              role="option"
              tabindex="-1"
              id={`${props.id}-${index()}`}
              aria-selected={props.active === index()}
              onMouseDown={(event) => event.preventDefault()}
              onClick={() => props.complete(completion)}
            >
              <span class="what">{completion.label}</span>
              <Show when={completion.note}>
                <span class="note">{completion.note}</span>
              </Show>
            </div>
          )}
        </For>
      </div>
    </div>
  );
}
