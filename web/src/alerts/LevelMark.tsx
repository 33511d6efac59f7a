// The level of an alert, as a mark and a word.

import type { Level } from "../api/alerts";

export const LEVEL_WORDS: Record<Level, string> = {
  INFO: "Info",
  WARN: "Warning",
  ERROR: "Error",
};
const MARKS: Record<Level, string> = { INFO: "●", WARN: "▲", ERROR: "✕" };

export function LevelMark(props: { level: Level }) {
  return (
    <span class={`level level-${props.level.toLowerCase()}`}>
      <span aria-hidden="true">{MARKS[props.level]}</span> {LEVEL_WORDS[props.level]}
    </span>
  );
}
