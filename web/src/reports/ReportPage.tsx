// A report: read, written, taken along as a file.

import { A, useNavigate, useParams } from "@solidjs/router";
import { createEffect, createSignal, Show } from "solid-js";
import {
  createDocument,
  type Document,
  deleteDocument,
  readDocument,
  updateDocument,
} from "../api/documents";
import { readExperiment } from "../api/experiments";
import { may } from "../api/rights";
import { useText } from "../parts/address";
import { ErrorNote } from "../parts/ErrorNote";
import { FormDialog } from "../parts/FormDialog";
import { time } from "../parts/format";
import { createLoaded } from "../parts/loaded";
import { attempt, tell } from "../parts/notices";
import { saveReport } from "./exportReport";
import { ReportEditor } from "./ReportEditor";
import { ReportText } from "./ReportText";
import "../style/report.css";
import "../style/run.css";

export default function ReportPage() {
  const params = useParams<{ report: string }>();
  const navigate = useNavigate();
  const [edit, setEdit] = useText("edit");
  const [renaming, setRenaming] = createSignal(false);
  const [exporting, setExporting] = createSignal(false);
  const [saved, setSaved] = createSignal<Document>();
  const loaded = createLoaded(() => params.report, readDocument);
  const report = () => {
    const [latest, read] = [saved(), loaded.value()];
    const is = (one: Document | undefined) => one?.id === params.report;
    if (is(latest) && (!is(read) || (latest?.version ?? 0) >= (read?.version ?? 0))) return latest;
    return is(read) ? read : undefined;
  };
  const experiment = createLoaded(() => report()?.experimentId, readExperiment);
  let text!: HTMLElement;
  createEffect(() => {
    if (report()) document.title = `${report()?.title} · Runstream`;
  });
  const list = () => `/experiments/${report()?.experimentId}/reports`;
  const remove = (of: Document) =>
    attempt(async () => {
      await deleteDocument(of.id);
      navigate(list());
      tell(`Deleted the report ${of.title}`, async () => {
        const again = await createDocument(of.experimentId, "report", of.title, of.text);
        navigate(`/reports/${again.id}`);
      });
    });
  const exportHtml = (of: Document) =>
    attempt(async () => {
      setExporting(true);
      try {
        await saveReport(of.title, text);
      } finally {
        setExporting(false);
      }
    });
  return (
    <div class="page">
      <Show when={loaded.error()}>
        {(error) => <ErrorNote error={error()} again={loaded.again} />}
      </Show>
      <Show when={report()}>
        {(now) => (
          <>
            <nav class="crumbs" aria-label="Breadcrumbs">
              <A href="/">Experiments</A> ›{" "}
              <A href={`/experiments/${now().experimentId}`}>
                {experiment.value()?.name ?? `Experiment ${now().experimentId}`}
              </A>
              {" › "}
              <A href={list()}>Reports</A>
            </nav>
            <div class="bar">
              <h1>{now().title}</h1>
              <span class="hint">
                {time(now().updated)}
                {now().updatedBy && `, ${now().updatedBy}`}
              </span>
              <Show when={!edit()}>
                <Show when={may(experiment.value(), "write")}>
                  <button type="button" onClick={() => setEdit("1")}>
                    Edit
                  </button>
                  <button type="button" onClick={() => setRenaming(true)}>
                    Rename
                  </button>
                  <button type="button" onClick={() => remove(now())}>
                    Delete
                  </button>
                </Show>
                <button type="button" disabled={exporting()} onClick={() => exportHtml(now())}>
                  {exporting() ? "Exporting…" : "Export HTML"}
                </button>
              </Show>
            </div>
            <Show
              when={edit() && may(experiment.value(), "write")}
              fallback={
                <article ref={text} class="report">
                  <Show
                    when={now().text.trim()}
                    fallback={<p class="empty">Nothing written yet.</p>}
                  >
                    <ReportText text={now().text} experimentId={now().experimentId} />
                  </Show>
                </article>
              }
            >
              <ReportEditor report={now()} saved={setSaved} close={() => setEdit("")} />
            </Show>
            <Show when={renaming()}>
              <FormDialog
                title={`Rename ${now().title}`}
                fields={[{ label: "Title", value: now().title }]}
                action="Rename"
                done={async ([title = ""]) => {
                  setSaved(await updateDocument(now(), { title }));
                }}
                close={() => setRenaming(false)}
              />
            </Show>
          </>
        )}
      </Show>
    </div>
  );
}
