// The page of an experiment: the workspace that its address says, or the one that somebody left.

import { useLocation, useNavigate, useParams } from "@solidjs/router";
import { createEffect, createMemo, on, Show } from "solid-js";
import { forget, remember, remembered } from "./remembered";
import { Workspace } from "./Workspace";

export default function ExperimentPage() {
  const params = useParams<{ experiment: string }>();
  const location = useLocation();
  const navigate = useNavigate();
  const address = () => `/experiments/${params.experiment}`;
  const isHere = () => location.pathname === address();
  // An address without a query is that of who left the page some time ago, or of a first visit.
  const restored = createMemo(() => (location.search ? "" : remembered(params.experiment)));
  createEffect(() => {
    if (isHere() && restored()) navigate(address() + restored(), { replace: true });
  });
  createEffect(
    on([() => params.experiment, () => location.search], ([id, search], before) => {
      if (!isHere()) return;
      // A link that was opened is not what somebody set up: it is left as it was.
      if (search) remember(id, search, before?.[0] === id && !!before[1]);
    }),
  );
  const reset = () => {
    forget(params.experiment);
    navigate(address(), { replace: true });
  };
  return (
    <Show when={!restored() && params.experiment} keyed>
      {(id) => <Workspace experimentId={id} reset={reset} />}
    </Show>
  );
}
