// A menu behind a button: what is done seldom, and what cannot be undone by a slip.

import { createSignal, createUniqueId, For, Show } from "solid-js";

const MARGIN = 8;

export interface MenuItem {
  label: string;
  act: () => void;
  /** Whether it takes something away. */
  isDanger?: boolean;
}

export function Menu(props: { label: string; items: MenuItem[] }) {
  const id = createUniqueId();
  const [open, setOpen] = createSignal(false);
  let root!: HTMLDivElement;
  let button!: HTMLButtonElement;
  let items!: HTMLDivElement;
  const entries = () => [...root.querySelectorAll<HTMLElement>("[role=menuitem]")];
  const show = () => {
    setOpen(true);
    // It ends where the button does, unless that is beyond the left edge of the page.
    items.style.translate = "";
    const beyond = Math.max(0, MARGIN - items.getBoundingClientRect().left);
    items.style.translate = beyond ? `${beyond}px` : "";
    entries()[0]?.focus();
  };
  const hide = () => {
    setOpen(false);
    button.focus();
  };
  const onKey = (event: KeyboardEvent) => {
    const at = entries().indexOf(document.activeElement as HTMLElement);
    const goals: Record<string, number> = {
      ArrowDown: at + 1,
      ArrowUp: at - 1,
      Home: 0,
      End: -1,
    };
    const goal = goals[event.key];
    if (event.key === "Escape" && open()) hide();
    else if (goal === undefined) return;
    else if (open())
      entries()
        .at(goal % entries().length)
        ?.focus();
    else show();
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div
      ref={root}
      class="menu"
      onKeyDown={onKey}
      onFocusOut={(event) => {
        if (!root.contains(event.relatedTarget as Node | null)) setOpen(false);
      }}
    >
      <button
        ref={button}
        type="button"
        aria-label={props.label}
        title={props.label}
        aria-haspopup="menu"
        aria-expanded={open()}
        aria-controls={id}
        onClick={() => (open() ? hide() : show())}
      >
        ⋯
      </button>
      <div ref={items} id={id} class="items" role="menu" aria-label={props.label} hidden={!open()}>
        <Show when={open()}>
          <For each={props.items}>
            {(item) => (
              <button
                type="button"
                role="menuitem"
                tabindex="-1"
                class="quiet"
                classList={{ danger: item.isDanger ?? false }}
                onClick={() => {
                  hide();
                  item.act();
                }}
              >
                {item.label}
              </button>
            )}
          </For>
        </Show>
      </div>
    </div>
  );
}
