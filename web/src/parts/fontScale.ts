// How much larger letters are than those that sizes in pixels are made for: they grow on wide screens.

const USUAL = 14;

export function fontScale(): number {
  return Number.parseFloat(getComputedStyle(document.documentElement).fontSize) / USUAL;
}
