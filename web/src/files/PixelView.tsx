// A picture that is zoomed and moved, and tells the value of the pixel that is pointed at.

import { createEffect, createMemo, createSignal, type JSX } from "solid-js";
import { follow, type Press } from "../parts/follow";
import { createPixelLook, type PixelLook } from "./pixelLook";

const STEP = 1.5;
const MOST_ZOOM = 64;
const MOVE = 60;
const BORDER = 1;

export function PixelView(props: {
  name: string;
  /** What a pixel has. */
  value: (x: number, y: number) => string;
  /** Shared with pictures beside it. */
  look?: PixelLook | undefined;
  /** The picture, which says how large it is once it knows. */
  children: (size: (width: number, height: number) => void) => JSX.Element;
}) {
  let frame!: HTMLDivElement;
  const [size, setSize] = createSignal({ width: 0, height: 0 });
  const look = props.look ?? createPixelLook();
  const { zoom, setZoom, pixel: place, setPixel: setPlace } = look;
  const fitting = createMemo(() => {
    const { width, height } = size();
    if (!width || !frame) return 1;
    // A small picture is made larger, to a whole number of times.
    const room = Math.min(frame.clientWidth / width, heightOf(frame) / height);
    return room > 2 ? Math.min(Math.floor(room), 8) : Math.min(1, room);
  });
  const scale = () => zoom() || fitting();
  const scrolled = () => ({ x: frame.scrollLeft, y: frame.scrollTop });
  // Where the frame was put, as a smaller picture than that beside it cannot go as far.
  let put = { x: 0, y: 0 };
  createEffect(() => {
    const { x, y } = look.corner();
    // A picture that came later, or became larger, is put there then.
    if (!size().width || !scale()) return;
    [frame.scrollLeft, frame.scrollTop] = [x, y];
    put = scrolled();
  });
  const onScroll = () => {
    const { x, y } = scrolled();
    if (x !== put.x || y !== put.y) look.setCorner({ x, y });
  };
  const zoomTo = (next: number, x = frame.clientWidth / 2, y = frame.clientHeight / 2) => {
    const before = scale();
    const wanted = Math.min(MOST_ZOOM, Math.max(Math.min(fitting(), 1) / 4, next));
    const [left, top] = [frame.scrollLeft + x, frame.scrollTop + y];
    setZoom(wanted);
    frame.scrollLeft = (left * wanted) / before - x;
    frame.scrollTop = (top * wanted) / before - y;
  };
  const pixelAt = (event: MouseEvent) => {
    const box = frame.firstElementChild?.getBoundingClientRect();
    if (!box) return;
    const x = Math.floor((event.clientX - box.left) / scale());
    const y = Math.floor((event.clientY - box.top) / scale());
    const { width, height } = size();
    setPlace(x >= 0 && y >= 0 && x < width && y < height ? { x, y } : undefined);
  };
  const drag = (event: Press) => {
    if (event.button !== 0) return;
    const [left, top] = [frame.scrollLeft + event.clientX, frame.scrollTop + event.clientY];
    follow(event, (moved) => {
      frame.scrollLeft = left - moved.clientX;
      frame.scrollTop = top - moved.clientY;
    });
  };
  const onKey = (event: KeyboardEvent) => {
    const point = (x: number, y: number) => {
      const { width, height } = size();
      const now = place() ?? { x: Math.floor(width / 2), y: Math.floor(height / 2) };
      const inside = (at: number, most: number) => Math.min(most - 1, Math.max(0, at));
      setPlace({ x: inside(now.x + x, width), y: inside(now.y + y, height) });
    };
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[
      event.key
    ];
    if (way) {
      const [x = 0, y = 0] = way;
      if (event.shiftKey) frame.scrollBy(x * MOVE, y * MOVE);
      else point(x, y);
    } else if (event.key === "+" || event.key === "=") zoomTo(scale() * STEP);
    else if (event.key === "-") zoomTo(scale() / STEP);
    else if (event.key === "0") setZoom(0);
    else return;
    event.preventDefault();
  };
  const told = () => {
    const at = place();
    const { width, height } = size();
    return at && at.x < width && at.y < height
      ? `x ${at.x}, y ${at.y}: ${props.value(at.x, at.y)}`
      : "";
  };
  return (
    <div class="pixels">
      <div class="bar">
        <button type="button" aria-label="Zoom out" onClick={() => zoomTo(scale() / STEP)}>
          −
        </button>
        <button type="button" aria-label="Zoom in" onClick={() => zoomTo(scale() * STEP)}>
          +
        </button>
        <button type="button" onClick={() => setZoom(0)}>
          Fit
        </button>
        <button type="button" onClick={() => setZoom(1)}>
          1:1
        </button>
        <span class="hint">
          {size().width} × {size().height}, {Math.round(scale() * 100)} %
        </span>
        <output class="pixel">{told()}</output>
      </div>
      <div
        ref={frame}
        class="frame"
        tabindex="0"
        role="region"
        aria-label={`${props.name}: arrows go from pixel to pixel, + and − zoom, 0 fits`}
        onScroll={onScroll}
        onWheel={(event) => {
          if (!event.ctrlKey && !event.metaKey) return;
          event.preventDefault();
          const box = frame.getBoundingClientRect();
          const by = event.deltaY < 0 ? STEP : 1 / STEP;
          zoomTo(scale() * by, event.clientX - box.left, event.clientY - box.top);
        }}
        onPointerDown={drag}
        onPointerMove={pixelAt}
        onPointerLeave={() => setPlace(undefined)}
        onKeyDown={onKey}
      >
        <div
          class="picture"
          classList={{ coarse: scale() > 1 }}
          style={{ width: `${size().width * scale()}px`, height: `${size().height * scale()}px` }}
        >
          {props.children((width, height) => setSize({ width, height }))}
        </div>
      </div>
    </div>
  );
}

/** Returns how high the picture in a frame may be. */
function heightOf(frame: HTMLElement): number {
  return Number.parseFloat(getComputedStyle(frame).maxHeight) - 2 * BORDER;
}
