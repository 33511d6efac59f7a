"""The table of the web interface, in a headless Chromium: what a person at it waits for."""

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


def table_paint(bench: Bench) -> Measured:
    """`web.table_paint`: seconds from the address to the first rows, with nothing in the cache."""
    ours = _table(bench)
    peer = _mlflow_table(bench)
    with open_browser() as browser:
        times = {
            name: [_paint(browser, f"{server.http}/#/experiments/0{path}") for _ in range(LOADS)]
            for name, server, path in (("runstream", ours, ""), ("mlflow", peer, "/runs"))
        }
    details = {f"{name}, longest": max(taken) for name, taken in times.items()}
    best = {name: statistics.median(taken) for name, taken in times.items()}
    return Measured(best.pop("runstream"), best, details)


def sent_bytes(bench: Bench) -> Measured:
    """`web.bytes`: kilobytes of JavaScript, compressed, that are sent before the first rows."""
    with open_browser() as browser, open_page(browser) as page:
        _open_table(page, f"{_table(bench).http}/#/experiments/0")
        sizes = page.evaluate(
            """() => performance.getEntriesByType("resource")
              .filter((one) => /\\.js$/.test(one.name) && one.responseEnd < window.painted)
              .map((one) => one.encodedBodySize)"""
        )
    return Measured(sum(sizes) / 1e3, details={"files": len(sizes)})


def scroll(bench: Bench) -> Measured:
    """`web.scroll`: the longest frame, in ms, of scrolling the table from end to end."""
    with open_browser() as browser, open_page(browser) as page:
        _open_table(page, f"{_table(bench).http}/#/experiments/0")
        frames = sorted(page.evaluate(_SCROLLED, FRAMES))
        page.locator(f"#line-{RUNS - 1} a").wait_for()
    return Measured(
        frames[-1], details={"p99": frames[int(0.99 * FRAMES)], "median": frames[FRAMES // 2]}
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
        (Target("under 200 kB", lambda m: m.ours < 200),),
    ),
    Figure(
        "web.scroll",
        "ms",
        scroll,
        (Target("no frame over 100 ms", lambda m: m.ours <= 100),),
    ),
)
