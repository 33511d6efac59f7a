// An image that can be looked at closely.

import { createSignal, Show } from "solid-js";
import { fileUrl } from "../api/artifacts";
import { PixelView } from "./PixelView";
import type { PixelLook } from "./pixelLook";
import type { ShownFile } from "./shownFile";

// Of a larger one the values of pixels are not read: its memory is not known before.
const MOST_PIXELS = 50_000_000;

export default function ImageView(props: ShownFile & { look?: PixelLook }) {
  const [failed, setFailed] = createSignal(false);
  let pixels: CanvasRenderingContext2D | null | undefined;
  const read = (image: HTMLImageElement) => {
    const { naturalWidth: width, naturalHeight: height } = image;
    if (pixels !== undefined || width * height > MOST_PIXELS || !width) return;
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [width, height];
    pixels = canvas.getContext("2d", { willReadFrequently: true });
    pixels?.drawImage(image, 0, 0);
  };
  let shown: HTMLImageElement | undefined;
  const value = (x: number, y: number) => {
    if (shown) read(shown);
    const found = pixels?.getImageData(x, y, 1, 1).data;
    return found ? told(found) : "";
  };
  return (
    <Show when={!failed()} fallback={<p class="hint">The browser cannot show this image.</p>}>
      <PixelView name={props.artifact.name} value={value} look={props.look}>
        {(size) => (
          <img
            src={fileUrl(props.runId, props.artifact.path)}
            alt={props.artifact.name}
            draggable={false}
            onError={() => setFailed(true)}
            onLoad={(event) => {
              shown = event.currentTarget;
              size(shown.naturalWidth, shown.naturalHeight);
            }}
          />
        )}
      </PixelView>
    </Show>
  );
}

/** `#1f77b4 (31, 119, 180)`, with what is seen through it. */
function told([red = 0, green = 0, blue = 0, alpha = 255]: Uint8ClampedArray): string {
  const hex = [red, green, blue].map((part) => part.toString(16).padStart(2, "0")).join("");
  const opacity = alpha === 255 ? "" : `, opacity ${Math.round((alpha / 255) * 100)} %`;
  return `#${hex} (${red}, ${green}, ${blue})${opacity}`;
}
