// Light or dark: as the system has it, until somebody chooses.

import { createSignal } from "solid-js";

type Theme = "light" | "dark";

const KEY = "runstream.theme";
const system = matchMedia("(prefers-color-scheme: dark)");
const [theme, setTheme] = createSignal<Theme>(initial());

export { theme };

export function toggleTheme(): void {
  const next = theme() === "dark" ? "light" : "dark";
  localStorage.setItem(KEY, next);
  apply(next);
}

system.addEventListener("change", () => {
  if (!localStorage.getItem(KEY)) apply(initial());
});
apply(theme());

function apply(next: Theme): void {
  document.documentElement.dataset.theme = next;
  setTheme(next);
}

function initial(): Theme {
  const chosen = localStorage.getItem(KEY);
  if (chosen === "light" || chosen === "dark") return chosen;
  return system.matches ? "dark" : "light";
}

/** Returns a colour of the present theme, for what is drawn on a canvas. */
export function colour(name: string): string {
  theme();
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}
