// What a run has under keys, as a table that can be searched.

import { A } from "@solidjs/router";
import { createSignal, For, type JSX, Show } from "solid-js";
import { KeyName } from "../parts/KeyName";
import { LongText } from "../parts/LongText";
import { ScrollRegion } from "../parts/ScrollRegion";
import { ShowMore } from "../parts/ShowMore";

// To begin with.
const MOST_PAIRS = 500;
// From so many on they can be searched.
const MANY = 10;
// A longer value is one of this run alone.
const MOST_LINKED = 200;

export function Pairs(props: {
  title: string;
  /** What is told beside the title. */
  hint?: string;
  names: string[];
  keys: string[];
  /** The texts of a line, beside its key. */
  cells: (key: string) => string[];
  /** What stands for the key, if not the key itself. */
  head?: (key: string) => JSX.Element;
  /** What stands in the first cell instead of its text, if anything. */
  edited?: (key: string) => JSX.Element | undefined;
  /** Where the value of a line leads, as an address of the interface. */
  runsOf?: (key: string) => string;
  /** What can be done with a line. */
  actions?: ((key: string) => JSX.Element) | undefined;
  /** What stands below. */
  children?: JSX.Element;
}) {
  const [search, setSearch] = createSignal("");
  const found = () => {
    const text = search().toLowerCase();
    if (!text) return props.keys;
    return props.keys.filter((key) =>
      `${key} ${props.cells(key).join(" ")}`.toLowerCase().includes(text),
    );
  };
  const columns = () => props.names.length + (props.actions ? 1 : 0);
  return (
    <section>
      <h2>
        {props.title} <span class="hint">{props.keys.length}</span>
        <Show when={props.hint}>
          <span class="hint"> · {props.hint}</span>
        </Show>
      </h2>
      <Show when={props.keys.length > MANY}>
        <input
          type="search"
          aria-label={`Search ${props.title.toLowerCase()}`}
          placeholder="Search"
          onInput={(event) => setSearch(event.currentTarget.value)}
        />
      </Show>
      <Show when={props.keys.length} fallback={<p class="hint">None.</p>}>
        <ScrollRegion label={props.title}>
          <table class="pairs">
            <thead>
              <tr>
                <For each={props.names}>{(name) => <th scope="col">{name}</th>}</For>
                <Show when={props.actions}>
                  <td />
                </Show>
              </tr>
            </thead>
            <tbody>
              <ShowMore
                items={found()}
                step={MOST_PAIRS}
                noun="line"
                around={(button) => (
                  <tr>
                    <td colspan={columns()}>{button}</td>
                  </tr>
                )}
              >
                {(key) => <Line {...props} key={key} />}
              </ShowMore>
            </tbody>
          </table>
        </ScrollRegion>
      </Show>
      {props.children}
    </section>
  );
}

function Line(props: {
  key: string;
  cells: (key: string) => string[];
  head?: (key: string) => JSX.Element;
  edited?: (key: string) => JSX.Element | undefined;
  runsOf?: (key: string) => string;
  actions?: ((key: string) => JSX.Element) | undefined;
}) {
  return (
    <tr>
      <th scope="row">{props.head ? props.head(props.key) : <KeyName name={props.key} />}</th>
      <For each={props.cells(props.key).map((_, i) => i)}>
        {(i) => (
          <td>
            <Show
              when={i === 0 && props.edited?.(props.key)}
              fallback={
                <Value
                  text={props.cells(props.key)[i] ?? ""}
                  address={i === 0 ? props.runsOf?.(props.key) : undefined}
                />
              }
            >
              {(field) => field()}
            </Show>
          </td>
        )}
      </For>
      <Show when={props.actions}>
        {(actions) => <td class="actions">{actions()(props.key)}</td>}
      </Show>
    </tr>
  );
}

function Value(props: { text: string; address: string | undefined }) {
  const leads = () => props.address && props.text && props.text.length <= MOST_LINKED;
  return (
    <Show when={leads() && props.address} fallback={<LongText text={props.text} />}>
      {(address) => (
        <A class="value" href={address()} title="All runs with this value">
          {props.text}
        </A>
      )}
    </Show>
  );
}
