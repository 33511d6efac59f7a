// A section: its name, and what is set for all of its panels; or a new one.

import { createUniqueId, For } from "solid-js";
import { Dialog } from "../parts/Dialog";
import type { Section } from "./layout";
import type { Panels } from "./usePanels";

const SWITCHES = { logx: "log x", logy: "log y", outliers: "Ignore outliers" };

export default function SectionDialog(props: {
  section: Section | undefined;
  panels: Panels;
  close: () => void;
}) {
  const id = createUniqueId();
  const fields = () => props.section?.fields ?? {};
  const submit = (event: SubmitEvent & { currentTarget: HTMLFormElement }) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const text = (name: string) => String(form.get(name) ?? "").trim() || undefined;
    const name = text("name");
    if (props.section) {
      const own = props.section.fields.name || props.section.name;
      props.panels.set(props.section.id, {
        name: name === own && !props.section.fields.name ? undefined : name,
        y: text("y"),
        height: text("height"),
        ...Object.fromEntries(Object.keys(SWITCHES).map((one) => [one, text(one)])),
      });
    } else if (name) props.panels.addSection(name);
    props.close();
  };
  return (
    <Dialog title={props.section ? "Section" : "Add section"} close={props.close}>
      <form class="ask" onSubmit={submit}>
        <label>
          Name
          <input
            name="name"
            required={!props.section}
            value={fields().name || (props.section?.name ?? "")}
            maxlength="100"
          />
        </label>
        {props.section && (
          <>
            <label>
              y from..to
              <input name="y" placeholder="0..1" value={fields().y ?? ""} />
            </label>
            <label>
              Height in pixels
              <input name="height" type="number" min="140" max="1200" value={fields().height} />
            </label>
            <For each={Object.entries(SWITCHES)}>
              {([name, label]) => (
                <label for={`${id}-${name}`}>
                  {label}
                  <select id={`${id}-${name}`} name={name}>
                    <For each={Object.entries(CHOICES)}>
                      {([value, text]) => (
                        <option value={value} selected={(fields()[name] ?? "") === value}>
                          {text}
                        </option>
                      )}
                    </For>
                  </select>
                </label>
              )}
            </For>
          </>
        )}
        <footer>
          <button type="button" onClick={() => props.close()}>
            Cancel
          </button>
          <button type="submit" class="primary">
            {props.section ? "Apply" : "Add"}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}

const CHOICES = { "": "As for all", "1": "Yes", "0": "No" };
