// The page of an experiment: the workspace that its address says, or the one that somebody left.

import { useLocation, useNavigate, useParams } from "@solidjs/router";
import { createEffect, createMemo, on, Show } from "solid-js";
import { ErrorNote } from "../parts/ErrorNote";
import { createLoaded } from "../parts/loaded";
import { forget, remember } from "./remembered";
import { FRAME, leadsOn, NO_VIEW, nextQuery, SAVED } from "./views";
import { Workspace } from "./Workspace";

export default function ExperimentPage() {
  const params = useParams<{ experiment: string }>();
  const location = useLocation();
  const navigate = useNavigate();
  const address = () => `/experiments/${params.experiment}`;
  const isHere = () => location.pathname === address();
  // An address without a query is that of who left the page some time ago, or of a first visit.
  const asked = createMemo(() => {
    const { search } = location;
    return isHere() && leadsOn(search) && { id: params.experiment, search };
  });
  const next = createLoaded(asked, async ({ id, search }) => ({
    id,
    search,
    query: await nextQuery(id, search),
  }));
  const isAnswered = () => {
    const now = asked();
    const found = next.value();
    return now && found?.id === now.id && found.search === now.search;
  };
  // Where it led to at last, which nobody has set up.
  let led = "";
  createEffect(
    on(next.value, (found) => {
      if (!found?.query || !isAnswered()) return;
      led = found.query;
      navigate(address() + found.query, { replace: true });
    }),
  );
  createEffect(
    on([() => params.experiment, () => location.search], ([id, search], before) => {
      if (!isHere() || leadsOn(search) || new URLSearchParams(search).has(FRAME)) return;
      // A link that was opened is not what somebody set up: it is left as it was.
      remember(id, search, before?.[0] === id && search !== led);
    }),
  );
  const reset = () => {
    forget(params.experiment);
    navigate(address(), { replace: true });
  };
  const shown = () =>
    isHere() && !(asked() && !(isAnswered() && !next.value()?.query)) && params.experiment;
  return (
    <>
      <Show when={asked() && next.error()}>
        {(error) => (
          <div class="page">
            <ErrorNote error={error()} again={next.again} />
            <a href={`#${address()}?${SAVED}=${NO_VIEW}`}>Show the experiment without this view</a>
          </div>
        )}
      </Show>
      <Show when={shown()} keyed>
        {(id) => <Workspace experimentId={id} reset={reset} />}
      </Show>
    </>
  );
}
