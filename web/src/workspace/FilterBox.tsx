// The filter: completes keys while it is typed, and shows an error under its column.

import { createMemo, createSignal, createUniqueId, For, Show } from "solid-js";
import type { ApiError } from "../api/client";
import type { Keys } from "../api/runs";
import { ATTRIBUTES, searchKey } from "../runs/columns";

const MOST = 50;
// The word that ends at the cursor: a key may stand in quotes after its group.
const WORD = /(?:[^\s()=<>!,'"`]+|\w+\.["`][^"`]*)$/;

export function FilterBox(props: {
  value: string;
  apply: (filter: string) => void;
  keys: Keys | undefined;
  wanted: () => void;
  error: ApiError | undefined;
}) {
  const id = createUniqueId();
  let input!: HTMLInputElement;
  const [typed, setTyped] = createSignal<string>();
  const [word, setWord] = createSignal("");
  const [at, setAt] = createSignal(-1);
  const [scrolled, setScrolled] = createSignal(0);

  const all = createMemo(() => [
    ...(props.keys?.metrics ?? []).flatMap((key) => [`metrics.${key}`]),
    ...(props.keys?.params ?? []).map((key) => `params.${key}`),
    ...(props.keys?.tags ?? []).map((key) => `tags.${key}`),
    "run_name",
    ...ATTRIBUTES,
    ...(props.keys?.metrics ?? []).flatMap((key) => [`minimum.${key}`, `maximum.${key}`]),
  ]);
  const found = createMemo(() => {
    const text = word()
      .replace(/^(\w+\.)["`]/, "$1")
      .toLowerCase();
    if (!text) return [];
    const fits = all().filter((key) => key.toLowerCase().includes(text) && key !== word());
    // Those that begin so come first, and their keys before the rest.
    const place = (key: string) =>
      key
        .toLowerCase()
        .replace(/^\w+\./, "")
        .indexOf(text);
    const rank = (key: string) =>
      key.toLowerCase().startsWith(text) ? -1 : place(key) < 0 ? Number.MAX_VALUE : place(key);
    return fits.sort((a, b) => rank(a) - rank(b)).slice(0, MOST);
  });
  const look = () => {
    props.wanted();
    const before = input.value.slice(0, input.selectionStart ?? 0);
    // In a text in quotes nothing is to be completed.
    const open = (before.match(/'/g)?.length ?? 0) % 2 === 1;
    setWord(open ? "" : (WORD.exec(before)?.[0] ?? ""));
    setAt(-1);
    setScrolled(input.scrollLeft);
  };
  const complete = (key: string) => {
    const end = input.selectionStart ?? input.value.length;
    const start = end - word().length;
    const text = `${searchKey(key)} `;
    input.setRangeText(text, start, end, "end");
    setTyped(input.value);
    setWord("");
    input.focus();
  };
  const onKey = (event: KeyboardEvent) => {
    const list = found();
    if (event.key === "ArrowDown" && list.length) setAt((at() + 1) % list.length);
    else if (event.key === "ArrowUp" && list.length)
      setAt(((at() + list.length) % (list.length + 1)) - 1);
    else if (event.key === "Escape" && word()) setWord("");
    else if (event.key === "Tab" && word() && list[Math.max(0, at())])
      complete(list[Math.max(0, at())] ?? "");
    else if (event.key === "Enter" && at() >= 0) complete(list[at()] ?? "");
    else if (event.key === "Enter") {
      setWord("");
      props.apply(input.value);
    } else return;
    event.preventDefault();
  };
  // An error stays until the text is another one.
  const error = () => (typed() === undefined || typed() === props.value ? props.error : undefined);

  return (
    <div class="filter">
      <input
        ref={input}
        type="text"
        data-search
        role="combobox"
        aria-label="Filter runs"
        aria-expanded={found().length > 0}
        aria-controls={`${id}-list`}
        aria-activedescendant={at() >= 0 ? `${id}-${at()}` : undefined}
        aria-autocomplete="list"
        aria-invalid={!!error()}
        aria-describedby={error() ? `${id}-error` : undefined}
        placeholder="Filter: metrics.loss < 0.1 AND params.lr = '0.01'"
        autocomplete="off"
        spellcheck={false}
        value={props.value}
        onInput={() => {
          setTyped(input.value);
          look();
        }}
        onFocus={() => props.wanted()}
        onBlur={() => setWord("")}
        onScroll={() => setScrolled(input.scrollLeft)}
        onKeyDown={onKey}
      />
      <button type="button" onClick={() => props.apply(input.value)}>
        Apply
      </button>
      <Show when={error()}>
        {(now) => (
          <div class="filter-error" role="alert" id={`${id}-error`}>
            <Show when={now().column} fallback={now().message}>
              <div
                class="under"
                style={{ "padding-left": `calc(${now().column - 1}ch - ${scrolled()}px)` }}
              >
                <span aria-hidden="true">▲</span> at column {now().column} {now().atColumn}
              </div>
            </Show>
          </div>
        )}
      </Show>
      <div
        role="listbox"
        id={`${id}-list`}
        class="completions"
        aria-label="Keys"
        hidden={!found().length}
      >
        <For each={found()}>
          {(key, index) => (
            // biome-ignore lint/a11y/useKeyWithClickEvents: the keys are those of the text field
            <div
              role="option"
              tabindex="-1"
              id={`${id}-${index()}`}
              aria-selected={at() === index()}
              onMouseDown={(event) => event.preventDefault()}
              onClick={() => complete(key)}
            >
              {key}
            </div>
          )}
        </For>
      </div>
    </div>
  );
}
