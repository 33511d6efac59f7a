// The reports of an experiment.

import { A, useNavigate, useParams } from "@solidjs/router";
import { createEffect, createSignal, For, Show } from "solid-js";
import { createDocument, listDocuments } from "../api/documents";
import { readExperiment } from "../api/experiments";
import { may } from "../api/rights";
import { ErrorNote } from "../parts/ErrorNote";
import { FormDialog } from "../parts/FormDialog";
import { time } from "../parts/format";
import { createLoaded } from "../parts/loaded";
import "../style/list.css";
import "../style/run.css";

export default function ReportsPage() {
  const params = useParams<{ experiment: string }>();
  const navigate = useNavigate();
  const [asking, setAsking] = createSignal(false);
  const experiment = createLoaded(() => params.experiment, readExperiment);
  const reports = createLoaded(
    () => params.experiment,
    (id) => listDocuments(id, "report"),
  );
  const name = () => experiment.value()?.name ?? `Experiment ${params.experiment}`;
  createEffect(() => {
    document.title = `Reports of ${name()} · Runstream`;
  });
  const create = async (title: string) => {
    const report = await createDocument(params.experiment, "report", title, "");
    navigate(`/reports/${report.id}?edit=1`);
  };
  return (
    <div class="page">
      <nav class="crumbs" aria-label="Breadcrumbs">
        <A href="/">Experiments</A> › <A href={`/experiments/${params.experiment}`}>{name()}</A>
      </nav>
      <div class="bar">
        <h1>Reports</h1>
        <Show when={may(experiment.value(), "write")}>
          <button type="button" class="primary" onClick={() => setAsking(true)}>
            New report
          </button>
        </Show>
      </div>
      <Show when={reports.error()}>
        {(error) => <ErrorNote error={error()} again={reports.again} />}
      </Show>
      <Show
        when={reports.value()?.length}
        fallback={
          <Show when={!reports.loading()}>
            <p class="empty">
              No reports yet. A report is a page of text with live charts of this experiment, for
              whoever sees it.
            </p>
          </Show>
        }
      >
        <table class="list">
          <thead>
            <tr>
              <th scope="col">Title</th>
              <th scope="col">Changed</th>
              <th scope="col" class="wide-only">
                By
              </th>
            </tr>
          </thead>
          <tbody>
            <For each={reports.value()}>
              {(report) => (
                <tr>
                  <th scope="row">
                    <A href={`/reports/${report.id}`}>{report.title}</A>
                  </th>
                  <td>{time(report.updated)}</td>
                  <td class="wide-only">{report.updatedBy}</td>
                </tr>
              )}
            </For>
          </tbody>
        </table>
      </Show>
      <Show when={asking()}>
        <FormDialog
          title="New report"
          fields={[{ label: "Title" }]}
          action="Create"
          done={([title = ""]) => create(title)}
          close={() => setAsking(false)}
        />
      </Show>
    </div>
  );
}
