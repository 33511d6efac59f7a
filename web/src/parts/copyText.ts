// Texts for the clipboard. A page that came over plain HTTP from another machine, as those of most
// teams' servers do, has none of `navigator.clipboard`; there the browser copies what is selected.

/** Copies a text; returns whether that was done. */
export async function copyText(text: string): Promise<boolean> {
  try {
    if (!navigator.clipboard) return copySelected(text);
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copySelected(text); // such as: the browser was told not to allow it
  }
}

/** Selects what an element shows, to be copied by the keys for that. */
export function select(element: Element): void {
  getSelection()?.selectAllChildren(element);
}

function copySelected(text: string): boolean {
  const before = document.activeElement;
  const field = document.createElement("textarea");
  field.value = text;
  field.className = "unseen";
  // A dialog that is open keeps the focus inside.
  (document.querySelector("dialog[open]") ?? document.body).append(field);
  field.select();
  try {
    return document.execCommand("copy");
  } catch {
    return false;
  } finally {
    field.remove();
    if (before instanceof HTMLElement) before.focus({ preventScroll: true });
  }
}
