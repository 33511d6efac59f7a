// What is read from the server for a part of a page. While the same is read again the old stays in
// sight, and an error is a value to be shown there: neither takes the page away, as Solid's resources
// do. What was read of another source is not shown as that of this one.

import { createEffect, createMemo, createSignal, on, onCleanup } from "solid-js";
import { type ApiError, shown } from "../api/client";
import { returns } from "../api/connection";

/**
 * Reads whenever the source changes and is something, and when a lost server is there again; `again`
 * reads once more. `value` is that of the source of now; `latest` stays while that of another one is
 * read, for lists that are searched while somebody types.
 */
export function createLoaded<Source, Value>(
  source: () => Source | undefined | false | "",
  read: (source: Source) => Promise<Value>,
) {
  type Asked = ReturnType<typeof source>;
  const [latest, setLatest] = createSignal<{ of: Asked; value: Value }>();
  const [failed, setFailed] = createSignal<{ of: Asked; error: ApiError }>();
  const [reading, setReading] = createSignal<Asked>();
  const [times, setTimes] = createSignal(0);
  // What a source is made of may be told anew without being another.
  const asked = createMemo(source, undefined, {
    equals: (a, b) => JSON.stringify(a) === JSON.stringify(b),
  });
  const ofNow = <Found extends { of: Asked }>(found: Found | undefined) =>
    asked() && found?.of === asked() ? found : undefined;
  createEffect(
    on([asked, times, returns], ([now]) => {
      if (!now) return;
      let stale = false;
      onCleanup(() => {
        stale = true;
      });
      setReading(() => now);
      read(now).then(
        (value) => {
          if (stale) return;
          setLatest({ of: now, value });
          setFailed(undefined);
          setReading(undefined);
        },
        (failure) => {
          if (stale) return;
          setFailed({ of: now, error: shown(failure) });
          setReading(undefined);
        },
      );
    }),
  );
  return {
    value: () => ofNow(latest())?.value,
    latest: () => latest()?.value,
    error: () => ofNow(failed())?.error,
    /** Whether it is read, for the first time or again. */
    loading: () => !!asked() && (reading() === asked() || !(ofNow(latest()) || ofNow(failed()))),
    again: () => setTimes((count) => count + 1),
  };
}
