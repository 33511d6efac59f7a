"""Charts of whatever doubles, steps and times there are: each is drawn, and none stops the page."""

from __future__ import annotations

import csv
import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Locator, Page, expect

from runstream import Metric, TrackingClient
from support.server_process import ServerProcess
from support.web_charts import choose, find_panel, panels_text, read_drawing

INF, NAN, LARGEST = math.inf, math.nan, sys.float_info.max
EPSILON = 2.0**-52
TIME = 1_700_000_000_000
LAST = 2**63 - 1

#: Points as (step, milliseconds after TIME, value).
SHAPES: dict[str, list[tuple[int, int, float]]] = {
    "adjacent": [(i, i, 1 + i % 2 * EPSILON) for i in range(10)],
    "adjacent steps": [(2**53 + i, i, float(i)) for i in range(10)],
    "all infinite": [(i, i, INF if i % 2 else -INF) for i in range(10)],
    "all nan": [(i, i, NAN) for i in range(10)],
    "constant": [(i, i, 0.3) for i in range(10)],
    "denormal": [(i, i, i * 5e-324) for i in range(10)],
    "end of time": [(i, LAST - TIME - 9 + i, float(i)) for i in range(10)],
    "gap of steps": [(i if i < 9 else LAST, i, float(i)) for i in range(10)],
    "largest": [(i, i, LARGEST * (-1) ** i) for i in range(10)],
    "last steps": [(LAST - 9 + i, i, float(i)) for i in range(10)],
    "negative": [(i, i, -1.0 - i) for i in range(10)],
    "negative steps": [(-(2**63) + i, i, float(i)) for i in range(10)],
    "one point": [(2**60, 0, 1e300)],
    "one step": [(7, i, float(i)) for i in range(10)],
    "one time": [(i, 0, float(i)) for i in range(10)],
    "wide": [(i, i, 10.0 ** (60 * i - 300)) for i in range(10)],
    "zero": [(i, i, 0.0) for i in range(10)],
}
#: Those that have nothing to draw a line of.
EMPTY = {"all nan", "all infinite"}
#: Those of which a logarithmic axis shows nothing.
NOT_POSITIVE = {"negative", "zero"}
NO_STEPS = {"negative steps"}

#: Those that are zoomed, by the axis.
ZOOMED = {
    "step": ("adjacent", "adjacent steps", "last steps", "all nan", "one point"),
    "time": ("one time", "end of time"),
}


@dataclass(frozen=True)
class Degenerate:
    http: str
    run: str


@pytest.fixture(scope="module")
def degenerate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Degenerate]:
    database = tmp_path_factory.mktemp("degenerate") / "runs.db"
    server = ServerProcess(database, {"RUNSTREAM_HTTP_PORT": "0"})
    with TrackingClient(server.uri) as client:
        run = client.create_run("0", start_time=TIME).info.run_id
        for name, points in SHAPES.items():
            client.log(run, [Metric(name, value, TIME + at, step) for step, at, value in points])
    yield Degenerate(server.http, run)
    assert server.stop() == ""


# Closer than doubles are, back and far beyond, and to a side.
KEYS = """
(panel) => {
  const press = (key, shiftKey = false) =>
    panel.dispatchEvent(new KeyboardEvent("keydown", { key, shiftKey, bubbles: true }));
  for (let i = 0; i < 60; i++) press("+");
  for (let i = 0; i < 150; i++) press("-");
  for (let i = 0; i < 3; i++) press("ArrowLeft", true);
  press("ArrowRight");
}
"""


def expect_line(figure: Locator, name: str) -> None:
    """Wait until something is drawn."""
    for _ in range(50):
        if figure.locator(".u-over").count() and any(read_drawing(figure).columns):
            return
        figure.page.wait_for_timeout(100)
    raise AssertionError(f"nothing is drawn of {name}")


@pytest.mark.parametrize(
    ("axis", "logx", "logy", "smoothing"),
    [*product(("step", "time", "relative"), ("",), ("", "1"), ("",)), ("step", "1", "1", "0.9")],
)
def test_every_shape_is_drawn(
    degenerate: Degenerate, page: Page, axis: str, logx: str, logy: str, smoothing: str
) -> None:
    query = urlencode(
        {"tab": "charts", "x": axis, "logx": logx, "logy": logy, "smoothing": smoothing}
    )
    page.goto(f"{degenerate.http}/#/runs/{degenerate.run}?{query}")
    hidden = EMPTY | (NOT_POSITIVE if logy else set()) | (NO_STEPS if logx else set())
    for name in SHAPES:
        figure = find_panel(page, name)
        if name not in hidden:
            expect_line(figure, name)
        is_told = figure.get_by_text("All points are NaN.")
        expect(is_told).to_have_count(1 if name == "all nan" and not logx else 0)


def test_every_shape_is_zoomed_and_moved(degenerate: Degenerate, page: Page) -> None:
    for axis, names in ZOOMED.items():
        for name in names:
            page.goto(
                f"{degenerate.http}/#/runs/{degenerate.run}?tab=charts&x={axis}&metric={name}"
            )
            figure = find_panel(page, name)
            figure.evaluate(KEYS)
            expect(figure).to_have_attribute("aria-busy", "false")
            expect(figure.get_by_role("alert")).to_have_count(0)
            figure.press("0")
            expect(figure.get_by_role("button", name="Show all")).to_have_count(0)
            if name not in EMPTY:
                expect_line(figure, name)


def test_the_ends_of_an_axis_are_told_apart(degenerate: Degenerate, page: Page) -> None:
    page.goto(f"{degenerate.http}/#/runs/{degenerate.run}?tab=charts")
    # What goes up and down between the largest doubles goes over the whole height.
    rows = [row for rows in read_drawing(find_panel(page, "largest")).columns for row in rows]
    assert min(rows) < 0.2
    assert max(rows) > 0.8
    for name in ("adjacent steps", "denormal"):
        heights = [min(rows) for rows in read_drawing(find_panel(page, name)).columns if rows]
        assert heights[0] - heights[-1] > 0.3, name
    flat = [row for rows in read_drawing(find_panel(page, "constant")).columns for row in rows]
    assert max(flat) - min(flat) < 0.05


def test_a_smoothed_constant_on_a_logarithmic_axis_is_a_line(
    degenerate: Degenerate, page: Page
) -> None:
    query = "tab=charts&logy=1&smoothing=0.37&metric=constant"
    page.goto(f"{degenerate.http}/#/runs/{degenerate.run}?{query}")
    found = read_drawing(find_panel(page, "constant"))
    assert all(found.between(0.05, 0.95))
    rows = [row for rows in found.columns for row in rows]
    assert max(rows) - min(rows) < 0.05


@pytest.mark.parametrize("name", ["last steps", "adjacent steps", "end of time", "largest"])
def test_points_are_downloaded_exactly(degenerate: Degenerate, page: Page, name: str) -> None:
    page.goto(f"{degenerate.http}/#/runs/{degenerate.run}?tab=charts&metric={name}")
    figure = find_panel(page, name)
    with page.expect_download() as download:
        choose(figure, "CSV")
    with open(download.value.path(), newline="") as file:
        rows = list(csv.DictReader(file))
    found = [(int(row["step"]), int(row["timestamp"]) - TIME, float(row["value"])) for row in rows]
    assert found == SHAPES[name]


PAIRS = {
    "largest": (-0.9 * LARGEST, 0.9 * LARGEST),
    "adjacent": (1.0, 1 + EPSILON),
    "denormal": (0.0, 5e-323),
}
TEXTS = {"number": ("1e1", " 9"), "name": ("0x10", "9"), "infinite": ("inf", "9")}


def test_scatter_and_parallel_axes_hold_every_number(server: ServerProcess, page: Page) -> None:
    with TrackingClient(server.uri) as client:
        for i in range(2):
            run = client.create_run("0", run_name=f"r{i}").info.run_id
            metrics = [Metric(key, pair[i], 1, 0) for key, pair in PAIRS.items()]
            client.log(run, metrics, {key: pair[i] for key, pair in TEXTS.items()})
    at = f"{server.http}/#/experiments/0?tab=charts&panels="
    for key in PAIRS:
        page.goto(at + panels_text(f"*1;kind=scatter;px=params.number;py=metrics.{key}"))
        circles = page.locator("circle.point")
        expect(page.get_by_role("img", name=f"{key} by number")).to_be_visible()
        expect(circles).to_have_count(2)
        places = {
            c.get_attribute("cx"): float(c.get_attribute("cy") or "nan") for c in circles.all()
        }
        nine, ten = (places[x] for x in sorted(places, key=lambda x: float(x or 0)))
        assert 0 < ten < 460
        assert 0 < nine < 460
        assert abs(ten - nine) > 5, key
    axes = "metrics.largest|params.name|metrics.denormal"
    page.goto(at + panels_text(f"*1;kind=parallel;of={axes}"))
    expect(page.locator("path.line")).to_have_count(2)
    expect(page.get_by_text("0x10", exact=True)).to_be_visible()  # a name, not 16
    for line in page.locator("path.line").all():
        assert "NaN" not in (line.get_attribute("d") or "")
    page.goto(at + panels_text("*1;kind=scatter;px=params.infinite;py=metrics.largest"))
    expect(page.get_by_text("1 of 2 runs have both")).to_be_visible()
