// How much larger letters are than those that sizes in pixels are made for: they grow on wide screens.

const USUAL = 14;

export function fontScale(): number {
  return fontSize() / USUAL;
}

/** Returns the size of letters in pixels. */
export function fontSize(): number {
  return Number.parseFloat(getComputedStyle(document.documentElement).fontSize);
}
