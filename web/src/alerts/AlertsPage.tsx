// The alerts of an experiment and of its runs, and the rules that raise them.

import { A, useParams } from "@solidjs/router";
import { createEffect } from "solid-js";
import { readExperiment } from "../api/experiments";
import { may } from "../api/rights";
import { createLoaded } from "../parts/loaded";
import { AlertsOf } from "./AlertsOf";
import "../style/run.css";

export default function AlertsPage() {
  const params = useParams<{ experiment: string }>();
  const experiment = createLoaded(() => params.experiment, readExperiment);
  const name = () => experiment.value()?.name ?? `Experiment ${params.experiment}`;
  createEffect(() => {
    document.title = `Alerts of ${name()} · Runstream`;
  });
  return (
    <div class="page">
      <nav class="crumbs" aria-label="Breadcrumbs">
        <A href="/">Experiments</A> › <A href={`/experiments/${params.experiment}`}>{name()}</A>
      </nav>
      <h1>Alerts</h1>
      <AlertsOf
        experimentId={params.experiment}
        runId=""
        mayWrite={may(experiment.value(), "write")}
      />
    </div>
  );
}
