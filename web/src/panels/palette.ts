// Twenty colours that are told apart, each with a darker form on light ground and a lighter one on dark.
//
// They were searched for: eight common hues were fixed, and the others chosen so that the least
// distance of two of them in OKLab (Ottosson, 2020) is as great as can be, for normal sight and for
// the three kinds of colour-blindness (Machado, Oliveira and Fernandes, 2009, severity 1). It is 0.05,
// more than twice what is just seen; the contrast with the ground is 3 or more (WCAG 2.2, 1.4.11).

export const PALETTES = {
  light: [
    "#0260c2",
    "#cb1229",
    "#029b4e",
    "#f45e1d",
    "#6a20a6",
    "#758bb6",
    "#a15e86",
    "#536302",
    "#835368",
    "#741031",
    "#882d88",
    "#4f2677",
    "#550534",
    "#2d67fb",
    "#683c05",
    "#233402",
    "#0d5064",
    "#40036a",
    "#92114d",
    "#2f0895",
  ],
  dark: [
    "#76affc",
    "#fe9790",
    "#4bf18b",
    "#fddcd1",
    "#b372f8",
    "#c8dafd",
    "#f2a9d3",
    "#96b024",
    "#d19bb2",
    "#c45d74",
    "#d879d6",
    "#956cc3",
    "#bc277a",
    "#a6c3fd",
    "#b87f47",
    "#577c0f",
    "#5c97ad",
    "#8450bb",
    "#e66693",
    "#675bf7",
  ],
};

/** From little to much. */
export const SCALES = {
  light: ["#1f5fd0", "#7a4fc0", "#c0306a", "#c2540a"],
  dark: ["#6ea8ff", "#b493ff", "#ff7fb0", "#ffb066"],
};
