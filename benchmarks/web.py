"""The web interface, in a headless Chromium: what a person at it waits for."""

from __future__ import annotations

import dataclasses
import shutil
import sqlite3
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.bench import Bench, progress
from benchmarks.figure import Figure, Measured, Target
from benchmarks.server import Server
from benchmarks.workers.searched import wide_runs
from runstream import TrackingClient

RUNS = 10_000
KEYS = 50
SERIES = 10
POINTS = 1_000_000
LOADS = 5
LIVE_POINTS = 30
FRAMES = 400
TIMEOUT = 180  # seconds

# Notes when a link to a run is painted, which both interfaces have in each row of their tables.
_PAINTED = """
const look = () => {
  const links = [...document.querySelectorAll("a[href*='/runs/']")];
  if (links.some((link) => /runs\\/[0-9a-f]{32}/.test(link.href)))
    requestAnimationFrame(() => { window.painted = performance.now(); });
  else requestAnimationFrame(look);
};
requestAnimationFrame(look);
"""

_SCROLLED = """
(frames) => new Promise((done) => {
  const grid = document.querySelector("[role=treegrid]");
  const end = grid.scrollHeight - grid.clientHeight;
  const taken = [];
  let before = performance.now();
  const frame = (now) => {
    taken.push(now - before);
    before = now;
    if (taken.length > frames) return done(taken.slice(1));
    grid.scrollTop = end * taken.length / frames;
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
})
"""

# Notes when the chart has read its points, or has more of them, and they are painted.
_DRAWN = """
window.drawn = [];
let known = "0";
let wasBusy = true;
const look = () => {
  const panel = document.querySelector("figure.panel");
  const points = panel?.querySelector("canvas") ? panel.querySelector(".plot").dataset.points : "0";
  const busy = panel?.ariaBusy === "true";
  if (points !== "0" && !busy && (points !== known || wasBusy))
    requestAnimationFrame(() => { window.drawn.push([performance.now(), Date.now()]); });
  [known, wasBusy] = [points, busy];
};
const seen = { subtree: true, childList: true, attributeFilter: ["aria-busy", "data-points"] };
new MutationObserver(look).observe(document, seen);
"""


def table_paint(bench: Bench) -> Measured:
    """`web.table_paint`: seconds from the address to the first rows, with nothing in the cache."""
    ours = _table(bench)
    peer = _mlflow_table(bench)
    with _browser() as browser:
        times = {
            name: [_paint(browser, f"{server.http}/#/experiments/0{path}") for _ in range(LOADS)]
            for name, server, path in (("runstream", ours, ""), ("mlflow", peer, "/runs"))
        }
    details = {f"{name}, longest": max(taken) for name, taken in times.items()}
    best = {name: statistics.median(taken) for name, taken in times.items()}
    return Measured(best.pop("runstream"), best, details)


def sent_bytes(bench: Bench) -> Measured:
    """`web.bytes`: kilobytes of JavaScript, compressed, that are sent before the first rows."""
    with _browser() as browser, _page(browser) as page:
        _open_table(page, f"{_table(bench).http}/#/experiments/0")
        sizes = page.evaluate(
            """() => performance.getEntriesByType("resource")
              .filter((one) => /\\.js$/.test(one.name) && one.responseEnd < window.painted)
              .map((one) => one.encodedBodySize)"""
        )
    return Measured(sum(sizes) / 1e3, details={"files": len(sizes)})


def scroll(bench: Bench) -> Measured:
    """`web.scroll`: the longest frame, in ms, of scrolling the table from end to end."""
    with _browser() as browser, _page(browser) as page:
        _open_table(page, f"{_table(bench).http}/#/experiments/0")
        frames = sorted(page.evaluate(_SCROLLED, FRAMES))
        page.locator(f"#line-{RUNS - 1} a").wait_for()
    return Measured(
        frames[-1], details={"p99": frames[int(0.99 * FRAMES)], "median": frames[FRAMES // 2]}
    )


def chart_draw(bench: Bench) -> Measured:
    """`web.chart_draw`: seconds from the address to a panel of 10 runs of a million points."""
    times = []
    with _browser() as browser:
        for _ in range(LOADS):
            with _page(browser) as page:
                _open_chart(page, _series(bench))
                times.append(page.evaluate("window.drawn[0][0]") / 1e3)
    return Measured(statistics.median(times), details={"longest": max(times)})


def zoom(bench: Bench) -> Measured:
    """`web.zoom`: milliseconds from letting go of a tenth of the chart to its finer points."""
    times = []
    with _browser() as browser, _page(browser) as page:
        _open_chart(page, _series(bench))
        panel = page.locator("figure.panel")
        box = panel.locator(".u-over").bounding_box()
        assert box
        for number in range(LOADS):
            start = (0.1 + 0.15 * number) * box["width"]
            page.mouse.move(box["x"] + start, box["y"] + 50)
            page.mouse.down()
            page.mouse.move(box["x"] + start + box["width"] / 10, box["y"] + 50)
            page.evaluate("window.drawn = []")
            page.evaluate(
                """addEventListener("mouseup", () => { window.up = performance.now(); },
                   { once: true, capture: true })"""
            )
            page.mouse.up()
            _wait(page, "drawn.length > 0")
            times.append(page.evaluate("window.drawn[0][0] - window.up"))
            page.evaluate("window.drawn = []")
            panel.get_by_role("button", name="Show all").click()
            _wait(page, "drawn.length > 0")
    return Measured(statistics.median(times), details={"longest": max(times)})


def live(bench: Bench) -> Measured:
    """`web.live`: milliseconds from the commit of a point to its frame, median."""
    server = bench.runstream()
    times = []
    with (
        TrackingClient(server.uri) as client,
        _browser() as browser,
        _page(browser) as page,
    ):
        run = client.create_run("0").info.run_id
        client.log_metric(run, "loss", 1.0, step=0)
        client.flush()
        page.add_init_script(_DRAWN)
        page.goto(f"{server.http}/#/runs/{run}?tab=charts")
        _wait(page, "drawn.length > 0")
        page.wait_for_timeout(1_000)
        for step in range(1, 1 + LIVE_POINTS):
            page.evaluate("window.drawn = []")
            client.log_metric(run, "loss", 1 / step, step=step)
            client.flush()
            committed = time.time() * 1e3
            _wait(page, "drawn.length > 0")
            times.append(page.evaluate("window.drawn[0][1]") - committed)
    bench.discard(server)
    return Measured(statistics.median(times), details={"longest": max(times)})


@contextmanager
def _browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        yield browser
        browser.close()


@contextmanager
def _page(browser: Browser) -> Iterator[Page]:
    """A page that has nothing in its cache."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(1e3 * TIMEOUT)
    yield context.new_page()
    context.close()


def _paint(browser: Browser, address: str) -> float:
    with _page(browser) as page:
        _open_table(page, address)
        seconds: float = page.evaluate("window.painted") / 1e3
        return seconds


def _open_table(page: Page, address: str) -> None:
    page.add_init_script(_PAINTED)
    page.goto(address)
    _wait(page, "window.painted !== undefined")


def _open_chart(page: Page, server: Server) -> None:
    page.add_init_script(_DRAWN)
    page.goto(f"{server.http}/#/experiments/0?tab=charts")
    _wait(page, "drawn.length > 0")


def _wait(page: Page, condition: str) -> None:
    # Playwright's own way is forbidden by our policy: it calls `eval` in the page.
    end = time.monotonic() + TIMEOUT
    while not page.evaluate(condition):
        if time.monotonic() > end:
            raise TimeoutError(condition)
        time.sleep(0.01)


@cache
def _table(bench: Bench) -> Server:
    progress(f"filling runstream with {RUNS:,} runs of {KEYS} metrics and {KEYS} params")
    server = bench.runstream()
    worker = (sys.executable, "-m", "benchmarks.workers.ours_search")
    dataclasses.replace(server, worker=worker).job("fill_wide", count=RUNS, keys=KEYS)
    return server


@cache
def _series(bench: Bench) -> Server:
    progress(f"filling runstream with {SERIES} runs of {POINTS:,} points")
    server = bench.runstream()
    server.job("log_columns", runs=SERIES, points=POINTS, keys=1, size=100_000)
    return server


@cache
def _mlflow_table(bench: Bench) -> Server:
    """MLflow with the same runs, put into its database: by its API that would take long."""
    server = bench.new_peer("mlflow")
    progress("filling a database of MLflow with the same")
    _fill(server.directory / "runs.db")
    return server


def _fill(file: Path) -> None:
    with closing(sqlite3.connect(file, timeout=60)) as database, database:
        for number, run in enumerate(wide_runs(RUNS, KEYS)):
            run_id = f"{number:032x}"
            database.execute(
                "INSERT INTO runs (run_uuid, name, source_type, status, start_time, end_time, "
                "lifecycle_stage, artifact_uri, experiment_id, user_id) "
                "VALUES (?, ?, 'LOCAL', 'FINISHED', ?, ?, 'active', ?, 0, '')",
                (run_id, f"run {number}", 1 + number, 1_000 + number, f"{file.parent}/{run_id}"),
            )
            for table in ("metrics", "latest_metrics"):
                database.executemany(
                    f"INSERT INTO {table} (key, value, timestamp, run_uuid, step, is_nan) "
                    "VALUES (?, ?, 1, ?, 0, 0)",
                    ((key, value, run_id) for key, value in run.metrics.items()),
                )
            for table, pairs in (("params", run.params), ("tags", run.tags)):
                database.executemany(
                    f"INSERT INTO {table} (key, value, run_uuid) VALUES (?, ?, ?)",
                    ((key, value, run_id) for key, value in pairs.items()),
                )


FIGURES = (
    Figure(
        "web.table_paint",
        "s",
        table_paint,
        (
            Target("under 1.5 s", lambda m: m.ours < 1.5),
            Target("5 times faster than MLflow", lambda m: 5 * m.ours <= m.peers["mlflow"]),
        ),
    ),
    Figure(
        "web.bytes",
        "kB",
        sent_bytes,
        (Target("under 200 kB", lambda m: m.ours < 200),),
    ),
    Figure(
        "web.scroll",
        "ms",
        scroll,
        (Target("no frame over 100 ms", lambda m: m.ours <= 100),),
    ),
    Figure(
        "web.chart_draw",
        "s",
        chart_draw,
        (Target("under 2 s", lambda m: m.ours < 2),),
    ),
    Figure(
        "web.zoom",
        "ms",
        zoom,
        (Target("under 300 ms", lambda m: m.ours < 300),),
    ),
    Figure(
        "web.live",
        "ms",
        live,
        (Target("under 500 ms", lambda m: m.ours < 500),),
    ),
)
