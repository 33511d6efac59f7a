// The program of a run: where it is from, what was changed since its commit, and its environment.

import { For, Show } from "solid-js";
import type { Run } from "../api/runs";
import { CodeLines } from "../parts/CodeLines";
import { ErrorNote } from "../parts/ErrorNote";
import { KeyName } from "../parts/KeyName";
import { LongText } from "../parts/LongText";
import { lazyPart } from "../parts/lazyPart";
import { createLoaded } from "../parts/loaded";
import { ShowMore } from "../parts/ShowMore";
import { type FileChange, readSource, type Source } from "../runs/source";
import { Pairs } from "./Pairs";

const SourceText = lazyPart(() => import("../files/SourceText"));

// Files whose changes are told, to begin with, and those that are unfolded.
const MOST_FILES = 100;
const OPEN = 5;

// Tags that tell of the program, also of runs that keep nothing else of it.
const TAGS: [string, string][] = [
  ["Source", "mlflow.source.name"],
  ["Kind", "mlflow.source.type"],
  ["Commit", "mlflow.source.git.commit"],
  ["Branch", "mlflow.source.git.branch"],
  ["Remote", "mlflow.source.git.repoURL"],
];

export default function RunCode(props: { run: Run }) {
  const source = createLoaded(() => props.run.id, readSource);
  const ofTags = () =>
    TAGS.flatMap(([title, key]): [string, string][] => {
      const text = props.run.tags.get(key);
      return text ? [[title, text]] : [];
    });
  return (
    <Show
      when={!source.error()}
      fallback={<ErrorNote error={source.error() as never} again={source.again} />}
    >
      <Show when={!source.loading() || source.value()} fallback={<p class="loading">Loading…</p>}>
        <Show
          when={source.value()}
          fallback={
            <div class="code-tab">
              <Facts facts={ofTags()} />
              <NoSource isAll={!ofTags().length} />
            </div>
          }
        >
          {(now) => <Kept source={now()} />}
        </Show>
      </Show>
    </Show>
  );
}

function Kept(props: { source: Source }) {
  return (
    <div class="code-tab">
      <div class="overview">
        <section>
          <h2>Program</h2>
          <Facts facts={props.source.facts} />
        </section>
        <Pairs
          title="Packages"
          names={["Package", "Version"]}
          keys={[...props.source.packages.keys()]}
          cells={(key) => [props.source.packages.get(key) ?? ""]}
        />
      </div>
      <section>
        <h2>
          Changes since the commit <span class="hint">{props.source.changes.length}</span>
        </h2>
        <Show when={props.source.changes.length} fallback={<p class="hint">None.</p>}>
          <ShowMore items={props.source.changes} step={MOST_FILES} noun="file">
            {(change) => (
              <Change change={change} open={props.source.changes.indexOf(change) < OPEN} />
            )}
          </ShowMore>
        </Show>
      </section>
    </div>
  );
}

function Facts(props: { facts: [string, string][] }) {
  return (
    <dl class="facts">
      <For each={props.facts}>
        {([title, text]) => (
          <>
            <dt>{title}</dt>
            <dd>
              <LongText text={text} />
            </dd>
          </>
        )}
      </For>
    </dl>
  );
}

function Change(props: { change: FileChange; open: boolean }) {
  return (
    <details class="change" open={props.open}>
      <summary>
        <KeyName name={props.change.path} /> <span class="added">+{props.change.added}</span>{" "}
        <span class="removed">−{props.change.removed}</span>
      </summary>
      <SourceText name={`${props.change.path}.diff`} text={props.change.text} />
    </details>
  );
}

function NoSource(props: { isAll: boolean }) {
  return (
    <section class="empty">
      <h2>Nothing {props.isAll ? "" : "else "}is kept of its program</h2>
      <p>
        A run keeps its script, arguments, packages and changes since the commit if it is started
        by:
      </p>
      <CodeLines text="with runstream.start_run():" label="Keep the source of a program" />
    </section>
  );
}
