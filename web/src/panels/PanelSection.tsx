// A section of panels: it has a name, folds, and can have settings for all that are in it.

import { Show, Suspense } from "solid-js";
import { Dynamic } from "solid-js/web";
import { counted } from "../parts/format";
import { Menu } from "../parts/Menu";
import { ShowMore } from "../parts/ShowMore";
import { KINDS } from "./kinds/kinds";
import type { Panel, Section } from "./layout";
import type { ChangeableContext } from "./panelContext";
import type { Fields } from "./panelText";
import { fieldsOf, panelSize } from "./settings";

// To begin with.
const MOST_PANELS = 100;

export function PanelSection(props: {
  id: string;
  /** None any more, while it is taken away. */
  section: Section | undefined;
  context: ChangeableContext;
  all: Fields;
  columns: number;
  edit: () => void;
}) {
  const { panels } = props.context;
  const section = () => props.section ?? { id: props.id, name: "", fields: {}, panels: [] };
  const isOpen = () => section().fields.fold !== "1";
  const toggle = (event: Event & { currentTarget: HTMLDetailsElement }) => {
    const { open } = event.currentTarget;
    if (open !== isOpen()) panels.set(props.id, { fold: open ? undefined : "1" });
  };
  const noun = () => (section().panels.every(({ metric }) => metric) ? "metric" : "panel");
  const name = () => section().fields.name || section().name || "metrics";
  return (
    <details class="group" open={isOpen()} onToggle={toggle}>
      <summary>
        <h2>{name()}</h2> <span class="hint">{counted(section().panels.length, noun())}</span>
      </summary>
      <Show when={isOpen()}>
        <div class="section-menu">
          <Menu
            label={`More of section ${name()}`}
            items={[
              { label: "Settings", act: () => props.edit() },
              { label: "Move up", act: () => panels.shiftSection(props.id, -1) },
              { label: "Move down", act: () => panels.shiftSection(props.id, 1) },
            ]}
          />
        </div>
        <div
          class="panels"
          style={{ "grid-template-columns": `repeat(${props.columns}, minmax(0, 1fr))` }}
        >
          <ShowMore
            items={section().panels.map((panel) => panel.id)}
            step={MOST_PANELS}
            noun="chart"
          >
            {(id) => (
              <Show when={section().panels.find((panel) => panel.id === id)}>
                {(panel) => (
                  <AnyPanel
                    panel={panel()}
                    section={section()}
                    context={props.context}
                    all={props.all}
                    columns={props.columns}
                  />
                )}
              </Show>
            )}
          </ShowMore>
        </div>
      </Show>
    </details>
  );
}

function AnyPanel(props: {
  panel: Panel;
  section: Section;
  context: ChangeableContext;
  all: Fields;
  columns: number;
}) {
  const fields = () => fieldsOf(props.all, props.section, props.panel);
  const kind = () => KINDS[props.panel.fields.kind ?? "line"];
  // Another kind, metric or x is another panel in this place.
  const key = () => JSON.stringify([props.panel.fields.kind, props.panel.fields.of, fields().x]);
  return (
    <Show when={kind() && key()} keyed>
      {(_) => (
        <Suspense fallback={<LoadingPanel fields={fields()} columns={props.columns} />}>
          <Dynamic
            component={kind()?.component}
            panel={props.panel}
            section={props.section}
            fields={fields()}
            context={props.context}
            set={(changes: Record<string, string | undefined>) =>
              props.context.panels.set(props.panel.id, changes)
            }
            columns={props.columns}
          />
        </Suspense>
      )}
    </Show>
  );
}

/** Has the size of the panel that comes: what stands below it is not in sight before. */
function LoadingPanel(props: { fields: Fields; columns: number }) {
  return (
    <div class="panel loading" style={panelSize(props.fields, props.columns)}>
      <div class="plot">Loading…</div>
    </div>
  );
}
