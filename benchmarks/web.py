"""The table of runs in a headless Chromium: what a person at it waits for."""

from __future__ import annotations

import dataclasses
import sqlite3
import statistics
import sys
from contextlib import closing
from functools import cache
from pathlib import Path

from playwright.sync_api import Browser, Page

from benchmarks.bench import Bench, progress
from benchmarks.browser import open_browser, open_page, wait
from benchmarks.figure import Figure, Measured, Target
from benchmarks.server import Server
from benchmarks.workers.searched import wide_runs

RUNS = 10_000
KEYS = 50
LOADS = 5
FRAMES = 400

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

# Jumps to the last row; returns the time until it is painted, and the longest frame until then.
_JUMPED = """
(last) => new Promise((done) => {
  const grid = document.querySelector("[role=treegrid]");
  const start = performance.now();
  let before = start;
  let longest = 0;
  const frame = () => {
    const now = performance.now();
    longest = Math.max(longest, now - before);
    before = now;
    if (document.querySelector(`#line-${last} a`))
      return requestAnimationFrame(() => done([performance.now() - start, longest]));
    requestAnimationFrame(frame);
  };
  grid.scrollTop = grid.scrollHeight;
  requestAnimationFrame(frame);
})
"""

# Kilobytes that came until the first rows were painted, by kind, as they were sent.
_SENT = """
() => {
  const sizes = { page: 0, scripts: 0, styles: 0, answers: 0 };
  const kindOf = ({ name, entryType }) => entryType === "navigation" ? "page"
    : /\\/api\\/|\\/health/.test(name) ? "answers"
    : /\\.js$/.test(name) ? "scripts" : /\\.css$/.test(name) ? "styles" : "page";
  for (const one of [...performance.getEntriesByType("navigation"),
                     ...performance.getEntriesByType("resource")])
    if (one.responseEnd < window.painted) sizes[kindOf(one)] += one.encodedBodySize / 1e3;
  return sizes;
}
"""


def table_paint(bench: Bench) -> Measured:
    """`web.table_paint`: seconds from the address to the first rows, with nothing in the cache."""
    ours = _table(bench)
    peer = _mlflow_table(bench)
    with open_browser() as browser:
        times = {
            name: [_paint(browser, f"{server.http}/#/experiments/0{path}") for _ in range(LOADS)]
            for name, server, path in (("runstream", ours, "?tab=table"), ("mlflow", peer, "/runs"))
        }
    details = {f"{name}, longest": max(taken) for name, taken in times.items()}
    best = {name: statistics.median(taken) for name, taken in times.items()}
    return Measured(best.pop("runstream"), best, details)


def sent_bytes(bench: Bench) -> Measured:
    """`web.bytes`: kilobytes of the page, compressed, that are sent before the first rows."""
    with open_browser() as browser, open_page(browser) as page:
        _open_table(page, f"{_table(bench).http}/#/experiments/0")
        sizes: dict[str, float] = page.evaluate(_SENT)
    data = sizes.pop("answers")
    return Measured(sum(sizes.values()), details={**sizes, "answers of the API": data})


def scroll(bench: Bench) -> Measured:
    """`web.scroll`: the longest frame, in ms, of scrolling from end to end, and a jump there."""
    address = f"{_table(bench).http}/#/experiments/0?tab=table"
    with open_browser() as browser:
        with open_page(browser) as page:
            _open_table(page, address)
            frames = sorted(page.evaluate(_SCROLLED, FRAMES))
            page.locator(f"#line-{RUNS - 1} a").wait_for()
        jumps = []
        for _ in range(LOADS):
            with open_page(browser) as page:
                _open_table(page, address)
                wait(page, "document.querySelector('[role=treegrid]').ariaRowCount > 1000")
                jumps.append(page.evaluate(_JUMPED, RUNS - 1))
    times, longest = zip(*jumps, strict=True)
    details = {"p99": frames[int(0.99 * FRAMES)], "median": frames[FRAMES // 2]}
    jump = statistics.median(times)
    return Measured(
        frames[-1],
        details={**details, "jump": jump, "longest frame of a jump": statistics.median(longest)},
    )


def _paint(browser: Browser, address: str) -> float:
    with open_page(browser) as page:
        _open_table(page, address)
        seconds: float = page.evaluate("window.painted") / 1e3
        return seconds


def _open_table(page: Page, address: str) -> None:
    page.add_init_script(_PAINTED)
    page.goto(address)
    wait(page, "window.painted !== undefined")


@cache
def _table(bench: Bench) -> Server:
    progress(f"filling runstream with {RUNS:,} runs of {KEYS} metrics and {KEYS} params")
    server = bench.runstream()
    worker = (sys.executable, "-m", "benchmarks.workers.ours_search")
    dataclasses.replace(server, worker=worker).job("fill_wide", count=RUNS, keys=KEYS)
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
        (Target("90 kB", lambda m: m.ours <= 90),),
    ),
    Figure(
        "web.scroll",
        "ms",
        scroll,
        (
            # Of 60 frames a second, two in a row are left out at most.
            Target("no frame over 50 ms", lambda m: m.ours < 51),
            Target("jump to the last of 10,000 rows in 500 ms", lambda m: m.details["jump"] <= 500),
        ),
    ),
)
