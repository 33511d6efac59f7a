// An array of NumPy: what it is, how its values are distributed, and a picture of it.

import { For, onMount, Show } from "solid-js";
import { count, number } from "../parts/format";
import { ScrollRegion } from "../parts/ScrollRegion";
import type { ArrayFacts, ArrayPicture } from "../render/fileQuestions";
import { Answered } from "./Answered";
import { Facts } from "./Facts";
import { Bars } from "./Histogram";
import { PixelView } from "./PixelView";
import { createAnswer, type ShownFile } from "./shownFile";

export default function ArrayView(props: ShownFile) {
  const found = createAnswer(props, "array", {});
  return <ArrayDetails name={props.artifact.name} found={found} />;
}

/** What was answered of an array. */
export function ArrayDetails(props: {
  name: string;
  found: ReturnType<typeof createAnswer<"array">>;
}) {
  return (
    <Answered of={props.found}>
      {(array) => (
        <>
          <Facts facts={factsOf(array())} />
          <Show when={array().picture}>
            {(picture) => (
              <>
                <h3>Picture</h3>
                <Show when={picture().told}>
                  <p class="hint">{picture().told}</p>
                </Show>
                <Picture name={props.name} picture={picture()} />
              </>
            )}
          </Show>
          <Show when={array().histogram}>
            {(histogram) => (
              <>
                <h3>Values</h3>
                <Bars of={histogram()} />
              </>
            )}
          </Show>
          <Show when={array().first.length}>
            <h3>First values</h3>
            <ScrollRegion label="First values">
              <p class="values">
                <For each={array().first}>{(value) => <code>{value}</code>}</For>
              </p>
            </ScrollRegion>
          </Show>
        </>
      )}
    </Answered>
  );
}

function Picture(props: { name: string; picture: ArrayPicture }) {
  const value = (x: number, y: number) => {
    const { values, width, pixels } = props.picture;
    const at = y * width + x;
    return values ? String(values[at]) : [...pixels.subarray(at * 4, at * 4 + 4)].join(", ");
  };
  return (
    <PixelView name={props.name} value={value}>
      {(size) => {
        let canvas!: HTMLCanvasElement;
        const { width, height, pixels } = props.picture;
        onMount(() => {
          canvas.getContext("2d")?.putImageData(new ImageData(pixels, width, height), 0, 0);
          size(width, height);
        });
        return (
          <canvas ref={canvas} width={width} height={height} role="img" aria-label={props.name} />
        );
      }}
    </PixelView>
  );
}

function factsOf({ shape, dtype, order, numbers, counted, count: all }: ArrayFacts) {
  const facts: [string, string][] = [
    ["Shape", shapeText(shape)],
    ["Type", typeText(dtype)],
    ["Values", `${count(all)}${order === "Fortran" ? ", column by column" : ""}`],
  ];
  if (!numbers) return facts;
  const { min, max, mean, deviation, notFinite } = numbers;
  facts.push(
    ["Least, greatest", `${number(min)}, ${number(max)}`],
    ["Mean, deviation", `${number(mean)}, ${number(deviation)}`],
    ["NaN or infinite", count(notFinite)],
  );
  if (counted < all) facts.push(["Counted are", `the first ${count(counted)}`]);
  return facts;
}

export function shapeText(shape: number[]): string {
  return shape.length ? shape.join(" × ") : "one value";
}

export function typeText(dtype: string): string {
  return `${NAMES[dtype.slice(1)] ?? dtype}${dtype[0] === ">" ? ", big-endian" : ""}`;
}

const NAMES: Record<string, string> = {
  f2: "float16",
  f4: "float32",
  f8: "float64",
  i1: "int8",
  i2: "int16",
  i4: "int32",
  i8: "int64",
  u1: "uint8",
  u2: "uint16",
  u4: "uint32",
  u8: "uint64",
  b1: "bool",
};
