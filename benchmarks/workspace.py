"""The workspace in a headless Chromium, on a large screen: what a person at many runs waits for."""

from __future__ import annotations

import dataclasses
import json
import statistics
import sys
import time
from functools import cache
from itertools import pairwise
from typing import Any
from urllib.request import Request, urlopen

from playwright.sync_api import Browser, Page

from benchmarks.bench import Bench, progress
from benchmarks.browser import open_browser, open_page, wait
from benchmarks.figure import Figure, Measured, Target
from benchmarks.server import Server

# On which all panels are in sight at once.
SCREEN = (2560, 2160)
LOADS = 5
PANELS = 20

RUNS = 10_000
DRAWN = 50
POINTS = 1_000

SWEEPS = 3
MOVES = 200

LIVE_RUNS = 100
LIVE_POINTS = 300
LIVE_SECONDS = 20
LIVE_TURNS = 10

GROUPS = 20
GROUPED_RUNS = 1_000
GROUPED_POINTS = 100_000

# Notes when a link to a run is painted, and when all panels have read and drawn their points.
_PAINTED = f"""
const look = () => {{
  const painted = document.querySelector(".runs .row .name:not(.waiting)");
  const panels = [...document.querySelectorAll("figure.panel")];
  const isDrawn = (panel) => panel.ariaBusy === "false" && panel.querySelector("canvas") &&
    Number(panel.querySelector(".plot").dataset.points) > 0;
  requestAnimationFrame((now) => {{
    if (painted) window.painted ??= performance.now();
    if (panels.length < window.panels || !panels.every(isDrawn)) return;
    window.drawn ??= now;
    changes.disconnect();
  }});
}};
window.panels = {PANELS};
const seen = {{ subtree: true, childList: true, attributeFilter: ["aria-busy", "data-points"] }};
const changes = new MutationObserver(look);
changes.observe(document, seen);
"""

# Notes when frames begin, until it is called.
_FRAMES = """
() => {
  const begun = [];
  let over = false;
  const frame = (now) => { begun.push(now); if (!over) requestAnimationFrame(frame); };
  requestAnimationFrame(frame);
  window.stop = () => { over = true; return begun; };
}
"""

# Notes how many points a panel has, and when they are painted.
_POINTS = """
() => {
  window.shown = [];
  const plot = document.querySelector("figure.panel .plot");
  new MutationObserver(() => requestAnimationFrame(() => {
    window.shown.push([Number(plot.dataset.points), Date.now()]);
  })).observe(plot, { attributeFilter: ["data-points"] });
}
"""


def workspace(bench: Bench) -> Measured:
    """`web.workspace`: seconds from the address to all 20 panels of 50 runs."""
    server, ids = _workspace(bench)
    with open_browser() as browser:
        times = [_paint(browser, _drawn_address(server, ids)) for _ in range(LOADS)]
    first, panels = (statistics.median(column) for column in zip(*times, strict=True))
    longest = max(drawn for _, drawn in times)
    return Measured(panels, details={"first rows": first, "longest": longest})


def hover(bench: Bench) -> Measured:
    """`web.hover`: the longest frame, in ms, while the cursor moves over synchronised panels."""
    server, ids = _workspace(bench)
    sweeps = []
    with open_browser() as browser, open_page(browser, SCREEN) as page:
        _open(page, f"{_drawn_address(server, ids)}&sync=1")
        page.wait_for_timeout(1_000)
        for _ in range(SWEEPS):
            start = _renderer_seconds(browser)
            frames = _sweep(page)
            busy = _renderer_seconds(browser) - start
            sweeps.append((frames[-1], frames, busy / sum(frames) * 1e5))
    longest, frames, busy = min(sweeps)
    details = {"p99": frames[int(0.99 * len(frames))], "median": frames[len(frames) // 2]}
    return Measured(longest, details={**details, "% of a core": busy})


def live_many(bench: Bench) -> Measured:
    """`web.live_many`: % of a core that 100 live runs take the page, and how late points are."""
    server = bench.runstream()
    server = dataclasses.replace(server, worker=_WORKER)
    ids = server.job("start_runs", runs=LIVE_RUNS, keys=PANELS, points=LIVE_POINTS)
    with open_browser() as browser, open_page(browser, SCREEN) as page:
        _open(page, f"{server.http}/#/experiments/0?eyes=all")
        page.wait_for_timeout(2_000)
        page.evaluate(_POINTS)
        training = server.begin(
            "train",
            run_ids=ids,
            keys=PANELS,
            first_step=LIVE_POINTS,
            seconds=LIVE_SECONDS + 5,
            turns=LIVE_TURNS,
        )
        page.wait_for_timeout(4_000)  # the worker has begun, and the page follows
        before = _processes(browser)
        start = time.monotonic()
        page.wait_for_timeout(1_000 * LIVE_SECONDS)
        seconds = time.monotonic() - start
        after = _processes(browser)
        logged = training.result()
        known = LIVE_RUNS * LIVE_POINTS
        wait(page, f"window.shown.at(-1)?.[0] >= {known + logged[-1][0]}")
        delays = _delays(logged, page.evaluate("window.shown"), known)
    bench.discard(server)
    share = {kind: 100 * (after[kind] - before[kind]) / seconds for kind in after}
    details = {
        "whole browser": sum(share.values()),
        "delay, ms": statistics.median(delays),
        "longest delay, ms": max(delays),
    }
    return Measured(share["renderer"], details=details)


def groups(bench: Bench) -> Measured:
    """`web.groups`: seconds from the address to the panel of 20 groups of 1,000 long runs."""
    server, ids = _grouped(bench)
    reads = [_read_groups(server, ids) for _ in range(LOADS)]
    with open_browser() as browser:
        address = f"{server.http}/#/experiments/0?groups=params.group"
        times = [_paint(browser, address, panels=1) for _ in range(LOADS)]
    first, panel = (statistics.median(column) for column in zip(*times, strict=True))
    # At first nothing is in the server's memory of parts of such a length.
    details = {"first rows": first, "read": statistics.median(reads)}
    details |= {"first read": reads[0], "first panel": times[0][1]}
    return Measured(panel, details=details)


def _paint(browser: Browser, address: str, panels: int = PANELS) -> tuple[float, float]:
    """Return the seconds to the first rows and to all panels."""
    with open_page(browser, SCREEN) as page:
        _open(page, address, panels)
        first, drawn = page.evaluate("[window.painted, window.drawn]")
        return first / 1e3, drawn / 1e3


def _open(page: Page, address: str, panels: int = PANELS) -> None:
    page.add_init_script(f"{_PAINTED}window.panels = {panels};")
    page.goto(address)
    wait(page, "window.drawn !== undefined")


def _sweep(page: Page) -> list[float]:
    """Move the pointer over all panels; return how long each frame was, in order of length."""
    boxes = [box.bounding_box() for box in page.locator("figure.panel .u-over").all()]
    page.evaluate(_FRAMES)
    for number in range(MOVES):
        box = boxes[number * len(boxes) // MOVES]
        assert box
        along = number % (MOVES // len(boxes)) / (MOVES // len(boxes))
        # Along falling curves, so that one is pointed at.
        down = (0.4 + along / 2) * box["height"]
        page.mouse.move(box["x"] + along * box["width"], box["y"] + down)
    starts = page.evaluate("window.stop()")
    return sorted(after - before for before, after in pairwise(starts))


def _renderer_seconds(browser: Browser) -> float:
    return _processes(browser)["renderer"]


def _processes(browser: Browser) -> dict[str, float]:
    """Return the processor seconds of the processes of a browser, by their kind."""
    session = browser.new_browser_cdp_session()
    seconds: dict[str, float] = {}
    for process in session.send("SystemInfo.getProcessInfo")["processInfo"]:
        kind = process["type"]
        seconds[kind] = seconds.get(kind, 0) + process["cpuTime"]
    session.detach()
    return seconds


def _delays(
    logged: list[tuple[int, float]], shown: list[tuple[int, float]], before: int
) -> list[float]:
    """Return the milliseconds from logging to the frame that has all points until then."""
    return [
        next(at for known, at in shown if known >= before + points) - began
        for points, began in logged
    ]


def _read_groups(server: Server, ids: list[str]) -> float:
    """Return the seconds of reading the curves and bands of all groups over HTTP."""
    sets = [{"name": str(group), "run_ids": ids[group::GROUPS]} for group in range(GROUPS)]
    asked: dict[str, Any] = {"groups": sets, "metric_keys": ["metric_0"], "band": "BAND_DEVIATION"}
    request = Request(
        f"{server.http}/api/1.0/runstream/metrics/grouped-history",
        json.dumps(asked).encode(),
        {"Content-Type": "application/json"},
    )
    start = time.perf_counter()
    with urlopen(request, timeout=60) as answer:
        found = json.load(answer)
    seconds = time.perf_counter() - start
    if len(found["histories"]) != GROUPS:
        raise RuntimeError(f"{len(found['histories'])} groups were read")
    return seconds


def _drawn_address(server: Server, ids: list[str]) -> str:
    return f"{server.http}/#/experiments/0?selected={','.join(ids)}"


_WORKER = (sys.executable, "-m", "benchmarks.workers.workspace")


@cache
def _workspace(bench: Bench) -> tuple[Server, list[str]]:
    """Return a server with many runs, and those of them that have curves."""
    progress(f"filling runstream with {RUNS:,} runs, {DRAWN} with {PANELS} curves")
    server = bench.runstream()
    search = (sys.executable, "-m", "benchmarks.workers.ours_search")
    dataclasses.replace(server, worker=search).job("fill_wide", count=RUNS - DRAWN, keys=PANELS)
    filling = dataclasses.replace(server, worker=_WORKER)
    return server, filling.job("log_curves", runs=DRAWN, keys=PANELS, points=POINTS)


@cache
def _grouped(bench: Bench) -> tuple[Server, list[str]]:
    """Return a server with long runs in groups, and the runs."""
    progress(f"filling runstream with {GROUPED_RUNS:,} runs of {GROUPED_POINTS:,} steps")
    server = bench.runstream()
    filling = dataclasses.replace(server, worker=_WORKER)
    ids = filling.job("log_curves", runs=GROUPED_RUNS, keys=1, points=GROUPED_POINTS, groups=GROUPS)
    return server, ids


FIGURES = (
    Figure(
        "web.workspace",
        "s",
        workspace,
        (
            Target("first rows in 1 s", lambda m: m.details["first rows"] <= 1),
            Target("all panels in 2.5 s", lambda m: m.ours <= 2.5),
        ),
    ),
    Figure(
        "web.groups",
        "s",
        groups,
        (Target("2 s", lambda m: m.ours <= 2),),
    ),
    Figure(
        "web.hover",
        "ms",
        hover,
        # Of 60 frames a second none is left out twice in a row.
        (Target("no frame over 33 ms", lambda m: m.ours < 34),),
    ),
    Figure(
        "web.live_many",
        "%",
        live_many,
        (
            Target("under 30 % of a core", lambda m: m.ours < 30),
            Target("500 ms from logging to the screen", lambda m: m.details["delay, ms"] <= 500),
        ),
    ),
)
