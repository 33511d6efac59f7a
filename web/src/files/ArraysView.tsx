// Arrays that NumPy stored together: what each is, and more of the one that is chosen.

import { createSignal, For, Show } from "solid-js";
import { count } from "../parts/format";
import { ScrollRegion } from "../parts/ScrollRegion";
import { Answered } from "./Answered";
import { ArrayDetails, shapeText, typeText } from "./ArrayView";
import { createAnswer, type ShownFile } from "./shownFile";

export default function ArraysView(props: ShownFile) {
  const found = createAnswer(props, "arrays", {});
  const [chosen, setChosen] = createSignal("");
  const first = () => found.value()?.members.find(({ shape }) => shape)?.name ?? "";
  const now = () => chosen() || first();
  return (
    <Answered of={found}>
      {(arrays) => (
        <>
          <ScrollRegion label="Arrays">
            <table class="pairs entries">
              <thead>
                <tr>
                  <th scope="col">Array</th>
                  <th scope="col">Shape</th>
                  <th scope="col">Type</th>
                </tr>
              </thead>
              <tbody>
                <For each={arrays().members}>
                  {({ name, shape, dtype }) => (
                    <tr>
                      <td>
                        <Show when={shape} fallback={name}>
                          <button
                            type="button"
                            class="quiet"
                            aria-pressed={name === now()}
                            onClick={() => setChosen(name)}
                          >
                            {name}
                          </button>
                        </Show>
                      </td>
                      <td>{shape ? shapeText(shape) : "not readable"}</td>
                      <td>{dtype && typeText(dtype)}</td>
                    </tr>
                  )}
                </For>
              </tbody>
            </table>
          </ScrollRegion>
          <Show when={arrays().left}>
            {(left) => <p class="hint">{count(left())} others are not shown.</p>}
          </Show>
          <Show when={!arrays().members.length}>
            <p class="hint">There is no array in this file.</p>
          </Show>
          <Show when={now()} keyed>
            {(name) => <Member {...props} name={name} />}
          </Show>
        </>
      )}
    </Answered>
  );
}

function Member(props: ShownFile & { name: string }) {
  const found = createAnswer(props, "array", { member: props.name });
  return (
    <section aria-label={props.name}>
      <h3>{props.name}</h3>
      <ArrayDetails name={props.name} found={found} />
    </section>
  );
}
