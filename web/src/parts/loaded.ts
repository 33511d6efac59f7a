// What is read from the server for a part of a page. While it is read again the old stays in sight,
// and an error is a value to be shown there: neither takes the page away, as Solid's resources do. Of
// a source that is nothing there is nothing.

import { createEffect, createMemo, createSignal, on, onCleanup } from "solid-js";
import { type ApiError, shown } from "../api/client";
import { returns } from "../api/connection";

/**
 * Reads whenever the source changes and is something, and when a lost server is there again; `again`
 * reads once more.
 */
export function createLoaded<Source, Value>(
  source: () => Source | undefined | false | "",
  read: (source: Source) => Promise<Value>,
) {
  const [value, setValue] = createSignal<Value>();
  const [error, setError] = createSignal<ApiError>();
  const [loading, setLoading] = createSignal(true);
  const [times, setTimes] = createSignal(0);
  let valueIsOf: Source | undefined;
  // What a source is made of may be told anew without being another.
  const asked = createMemo(source, undefined, {
    equals: (a, b) => JSON.stringify(a) === JSON.stringify(b),
  });
  createEffect(
    on([asked, times, returns], ([now]) => {
      if (!now) {
        setValue(undefined);
        setError(undefined);
        setLoading(false);
        return;
      }
      let stale = false;
      onCleanup(() => {
        stale = true;
      });
      setLoading(true);
      read(now).then(
        (found) => {
          if (stale) return;
          valueIsOf = now;
          setValue(() => found);
          setError(undefined);
          setLoading(false);
        },
        (failure) => {
          if (stale) return;
          // Beside the error of one thing the value of another is not shown.
          if (valueIsOf !== now) setValue(undefined);
          setError(shown(failure));
          setLoading(false);
        },
      );
    }),
  );
  return { value, error, loading, again: () => setTimes((count) => count + 1) };
}
