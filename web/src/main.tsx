// The interface: its frame, and which page stands at which address.
//
// Addresses stand behind `#`, and those of experiments and runs are MLflow's: the links that its
// clients print lead here too.

import {
  A,
  HashRouter,
  Route,
  type RouteSectionProps,
  useBeforeLeave,
  useIsRouting,
} from "@solidjs/router";
import {
  createEffect,
  createSignal,
  ErrorBoundary,
  For,
  on,
  onCleanup,
  onMount,
  Show,
  Suspense,
} from "solid-js";
import { render } from "solid-js/web";
import { MissingBell } from "./alerts/MissingBell";
import { shown } from "./api/client";
import { lost } from "./api/connection";
import { caller, readCaller, returnAfterSignIn, signedOut, signOut } from "./api/session";
import { noteDestination, outdated, reload } from "./api/version";
import { keepLeftPage } from "./parts/address";
import { ErrorNote } from "./parts/ErrorNote";
import { attempt, dismiss, notices } from "./parts/notices";
import { keepPlace, returnTo } from "./parts/places";
import { theme, toggleTheme } from "./parts/theme";
import "./style/base.css";
import "./style/parts.css";
import { lazyPart } from "./parts/lazyPart";

const ExperimentsPage = lazyPart(() => import("./experiments/ExperimentsPage"));
const ExperimentPage = lazyPart(() => import("./workspace/ExperimentPage"));
const RunPage = lazyPart(() => import("./run/RunPage"));
const ReportsPage = lazyPart(() => import("./reports/ReportsPage"));
const ReportPage = lazyPart(() => import("./reports/ReportPage"));
const ComparePage = lazyPart(() => import("./compare/ComparePage"));
const KeyboardHelp = lazyPart(() => import("./parts/KeyboardHelp"));
const SignIn = lazyPart(() => import("./parts/SignIn"));
const AlertBell = lazyPart(() => import("./alerts/AlertBell"), MissingBell);
const AlertsPage = lazyPart(() => import("./alerts/AlertsPage"));

// Alerts are read after what the page is for.
const BELL_MS = 1_000;

returnAfterSignIn();

// What the address asks for is loaded while the frame is made.
if (/^#\/experiments\/[^/?]+(\?|$)/.test(location.hash)) ExperimentPage.preload();
if (/[?&]tab=charts\b/.test(location.hash)) import("./panels/MetricCharts").catch(() => undefined); // its page says that it failed

readCaller();

function Frame(props: RouteSectionProps) {
  let main!: HTMLElement;
  // In a frame of another page it has none of its own.
  const isBare = () => props.location.query.frame === "none";
  const [help, setHelp] = createSignal(false);
  const [bell, setBell] = createSignal(false);
  const isRouting = useIsRouting();
  useBeforeLeave(({ to }) => noteDestination(typeof to === "string" ? to : ""));
  createEffect(() => isRouting() || noteDestination(""));
  keepLeftPage();
  const onKey = (event: KeyboardEvent) => {
    const typing = (event.target as HTMLElement).closest("input, textarea, select, dialog");
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "?") setHelp(true);
    if (event.key === "/") {
      event.preventDefault();
      document.querySelector<HTMLElement>("[data-search]")?.focus();
    }
  };
  createEffect(
    on(
      () => props.location.pathname,
      () => {
        main.scrollTo(0, 0);
        keepPlace(main, "page");
      },
    ),
  );
  const onClick = (event: MouseEvent) => {
    const crumb = (event.target as HTMLElement).closest(".crumbs a")?.getAttribute("href");
    if (crumb) returnTo(crumb.replace(/^#/, ""));
  };
  document.addEventListener("click", onClick);
  document.addEventListener("keydown", onKey);
  onCleanup(() => {
    document.removeEventListener("click", onClick);
    document.removeEventListener("keydown", onKey);
  });
  return (
    <>
      <button type="button" class="skip" onClick={() => document.getElementById("main")?.focus()}>
        Skip to content
      </button>
      <Show when={!isBare()}>
        <header class="top">
          <A href="/" class="brand">
            Runstream
          </A>
          <nav aria-label="Main">
            <A href="/" end>
              Experiments
            </A>
            <a href="openapi">API</a>
          </nav>
          <Show when={caller()?.name}>
            {(name) => (
              <span class="caller">
                <span title={`${caller()?.role}: ${caller()?.groups.join(", ") || "no groups"}`}>
                  {name()}
                </span>
                <button type="button" class="quiet" onClick={signOut}>
                  Sign out
                </button>
              </span>
            )}
          </Show>
          <span class="bell-place">
            <Suspense>
              <Show when={bell() && !signedOut()}>
                <AlertBell />
              </Show>
            </Suspense>
          </span>
          <button type="button" class="quiet" onClick={() => setHelp(true)}>
            Keys
          </button>
          <button type="button" class="quiet" onClick={toggleTheme}>
            {theme() === "dark" ? "Light" : "Dark"}
          </button>
        </header>
      </Show>
      <Show when={lost()}>
        <p class="lost" role="alert">
          The server cannot be reached. What is shown may be old; it is asked again every second.
        </p>
      </Show>
      <Show when={outdated()}>
        <p class="lost" role="alert">
          The server has a new version of this page.{" "}
          <button type="button" onClick={reload}>
            Load it
          </button>
        </p>
      </Show>
      <main ref={main} id="main" tabindex="-1" classList={{ bare: isBare() }}>
        <ErrorBoundary
          fallback={(error, reset) => <ErrorNote error={shown(error)} again={reset} />}
        >
          <Suspense fallback={<p class="loading">Loading…</p>}>
            <Show when={!signedOut()} fallback={<SignIn />}>
              {props.children}
            </Show>
            <Loaded tell={() => setTimeout(() => setBell(true), BELL_MS)} />
          </Suspense>
        </ErrorBoundary>
      </main>
      <Notices />
      <Suspense>
        <Show when={help()}>
          <KeyboardHelp close={() => setHelp(false)} />
        </Show>
      </Suspense>
    </>
  );
}

/** Tells when the code of what stands beside it is there: until then nothing under a `Suspense` is mounted. */
function Loaded(props: { tell: () => void }) {
  onMount(() => props.tell());
  return null;
}

function Notices() {
  return (
    <div class="notices" role="status" aria-live="polite">
      <For each={notices()}>
        {(notice) => (
          <div class="notice" classList={{ failed: notice.isError }}>
            <span>{notice.text}</span>
            <Show when={notice.progress?.()}>
              {(progress) => <span aria-hidden="true">{progress()}</span>}
            </Show>
            <Show when={notice.undo}>
              {(undo) => (
                <button
                  type="button"
                  onClick={() => {
                    dismiss(notice.id);
                    attempt(undo());
                  }}
                >
                  Undo
                </button>
              )}
            </Show>
            <Show
              when={notice.stop}
              fallback={
                <button
                  type="button"
                  class="quiet"
                  aria-label="Dismiss"
                  onClick={() => dismiss(notice.id)}
                >
                  ✕
                </button>
              }
            >
              {(stop) => (
                <button type="button" onClick={() => stop()()}>
                  Stop
                </button>
              )}
            </Show>
          </div>
        )}
      </For>
    </div>
  );
}

function NotFound() {
  return (
    <section class="empty">
      <h1>There is no such page</h1>
      <p>
        <A href="/">All experiments</A>
      </p>
    </section>
  );
}

render(
  () => (
    <HashRouter root={Frame}>
      <Route path={["/", "/experiments"]} component={ExperimentsPage} />
      <Route path="/experiments/:experiment" component={ExperimentPage} />
      <Route path="/experiments/:experiment/reports" component={ReportsPage} />
      <Route path="/experiments/:experiment/alerts" component={AlertsPage} />
      <Route path="/reports/:report" component={ReportPage} />
      <Route path={["/experiments/:experiment/runs/:run", "/runs/:run"]} component={RunPage} />
      <Route path="/compare" component={ComparePage} />
      <Route path="*" component={NotFound} />
    </HashRouter>
  ),
  document.getElementById("app") as HTMLElement,
);
