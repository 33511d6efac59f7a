"""Charts of the web interface, in a headless Chromium: what a person at them waits for."""

from __future__ import annotations

import statistics
import time
from functools import cache

from playwright.sync_api import Page

from benchmarks.bench import Bench, progress
from benchmarks.browser import open_browser, open_page, wait
from benchmarks.figure import Figure, Measured, Target
from benchmarks.server import Server
from runstream import TrackingClient

LOADS = 5
SERIES = 10
POINTS = 1_000_000
LIVE_POINTS = 30

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


def chart_draw(bench: Bench) -> Measured:
    """`web.chart_draw`: seconds from the address to a panel of 10 runs of a million points."""
    times = []
    with open_browser() as browser:
        for _ in range(LOADS):
            with open_page(browser) as page:
                _open_chart(page, _series(bench))
                times.append(page.evaluate("window.drawn[0][0]") / 1e3)
    return Measured(statistics.median(times), details={"longest": max(times)})


def zoom(bench: Bench) -> Measured:
    """`web.zoom`: milliseconds from letting go of a tenth of the chart to its finer points."""
    times = []
    with open_browser() as browser, open_page(browser) as page:
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
            wait(page, "drawn.length > 0")
            times.append(page.evaluate("window.drawn[0][0] - window.up"))
            page.evaluate("window.drawn = []")
            panel.get_by_role("button", name="Show all").click()
            wait(page, "drawn.length > 0")
    return Measured(statistics.median(times), details={"longest": max(times)})


def live(bench: Bench) -> Measured:
    """`web.live`: milliseconds from the commit of a point to its frame, median."""
    server = bench.runstream()
    times = []
    with (
        TrackingClient(server.uri) as client,
        open_browser() as browser,
        open_page(browser) as page,
    ):
        run = client.create_run("0").info.run_id
        client.log_metric(run, "loss", 1.0, step=0)
        client.flush()
        page.add_init_script(_DRAWN)
        page.goto(f"{server.http}/#/runs/{run}?tab=charts")
        wait(page, "drawn.length > 0")
        page.wait_for_timeout(1_000)
        for step in range(1, 1 + LIVE_POINTS):
            page.evaluate("window.drawn = []")
            client.log_metric(run, "loss", 1 / step, step=step)
            client.flush()
            committed = time.time() * 1e3
            wait(page, "drawn.length > 0")
            times.append(page.evaluate("window.drawn[0][1]") - committed)
    bench.discard(server)
    return Measured(statistics.median(times), details={"longest": max(times)})


def _open_chart(page: Page, server: Server) -> None:
    page.add_init_script(_DRAWN)
    page.goto(f"{server.http}/#/experiments/0?tab=charts")
    wait(page, "drawn.length > 0")


@cache
def _series(bench: Bench) -> Server:
    progress(f"filling runstream with {SERIES} runs of {POINTS:,} points")
    server = bench.runstream()
    server.job("log_arrays", runs=SERIES, points=POINTS, keys=1, size=50_000)
    return server


FIGURES = (
    Figure(
        "web.chart_draw",
        "s",
        chart_draw,
        (Target("0.5 s", lambda m: m.ours <= 0.5),),
    ),
    Figure(
        "web.zoom",
        "ms",
        zoom,
        (Target("100 ms", lambda m: m.ours <= 100),),
    ),
    Figure(
        "web.live",
        "ms",
        live,
        (Target("under 500 ms", lambda m: m.ours < 500),),
    ),
)
