"""Charts that move while training runs."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, Request, Route, expect

from runstream import TrackingClient
from support.server_process import ServerProcess
from support.web_charts import (
    WATCH,
    count_drawn,
    find_panel,
    read_drawing,
    wait_for_frames,
    width_of,
)

See = Callable[[str], Page]

# Counts how often charts are drawn from the beginning.
_COUNT_DRAWINGS = """
window.drawings = 0;
const clear = CanvasRenderingContext2D.prototype.clearRect;
CanvasRenderingContext2D.prototype.clearRect = function (...box) {
  if (!this.canvas.matches(".highlight")) window.drawings += 1;
  return clear.apply(this, box);
};
"""

# The part of the pixels of two pictures that differ, of those that have ink.
_KEEP = """
(panel) => {
  const canvas = panel.querySelector("canvas");
  window.kept = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
}
"""
_DIFFERENCE = """
(panel) => {
  const canvas = panel.querySelector("canvas");
  const now = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  if (now.length !== window.kept.length) return 1;
  let [ink, other] = [0, 0];
  for (let i = 3; i < now.length; i += 4) {
    if (now[i] > 60 || window.kept[i] > 60) ink += 1;
    if (Math.abs(now[i] - window.kept[i]) > 60) other += 1;
  }
  return other / ink;
}
"""


def test_points_appear_while_training_runs(server: ServerProcess, page: Page) -> None:
    with TrackingClient(server.uri) as client:
        run = client.create_run("0").info.run_id
        client.log_metric(run, "loss", 1.0, step=0)
        client.flush()
        with page.expect_response(WATCH):
            page.goto(f"{server.http}/#/runs/{run}?tab=charts")
        figure = find_panel(page, "loss")
        figure.locator(".plot[data-points='1']").wait_for()
        for step in range(1, 40):
            client.log_metric(run, "loss", 1.0 / step, step=step)
        client.flush()
        start = time.monotonic()
        figure.locator(".plot[data-points='40']").wait_for()
        assert time.monotonic() - start < 5
        client.log_metric(run, "new/metric", 1.0)
        client.flush()
        expect(page.locator("details.group summary")).to_have_count(2)


def test_a_flood_of_points_is_read_a_few_times_and_one_read_at_a_time(
    server: ServerProcess, page: Page
) -> None:
    size = 200_000

    def log(first: int) -> None:
        steps = range(first, first + size)
        client.log_columns(run, "loss", steps, steps, steps)
        client.flush()

    with TrackingClient(server.uri) as client:
        run = client.create_run("0").info.run_id
        log(0)
        requests: list[Request] = []
        page.on("request", lambda one: requests.append(one))
        with page.expect_response(WATCH):
            page.goto(f"{server.http}/#/runs/{run}?tab=charts")
        figure = find_panel(page, "loss")
        start = time.monotonic()
        requests.clear()
        log(size)
        log(2 * size)
        # The last point is drawn in the end.
        over = figure.locator(".u-over")
        for attempt in range(100):
            over.hover(position={"x": width_of(over) - 1 - _room(attempt), "y": 60})
            if figure.locator(".values .at").inner_text() == f"step {3 * size - 1}":
                break
            page.mouse.move(0, 0)
            page.wait_for_timeout(100)
        expect(figure.locator(".values .at")).to_have_text(f"step {3 * size - 1}")
        page.wait_for_timeout(500)
        seconds = time.monotonic() - start
    reads = [one for one in requests if "history/stream" in one.url]
    # The watch tells of these points in more than a hundred answers.
    assert 1 <= len(reads) <= 1 + seconds / 0.4
    times = [one.timing["startTime"] for one in reads]
    ends = [one.timing["startTime"] + one.timing["responseEnd"] for one in reads]
    assert all(start >= end for start, end in zip(times[1:], ends, strict=False))
    assert count_drawn(figure) < 10_000


def _room(attempt: int) -> int:
    """Pixels from the edge where the last point may be: behind it is room for more."""
    return 7 * (attempt % 12)


@pytest.mark.parametrize("smoothing", ["", "&smoothing=0.6"])
def test_on_a_slow_link_charts_take_turns_to_read_and_come_to_rest(
    server: ServerProcess, page: Page, smoothing: str
) -> None:
    metrics = ("loss", "score", "speed")
    size = 10_000

    def log(first: int) -> None:
        steps = range(first, first + size)
        for metric in metrics:
            client.log_columns(run, metric, steps, steps, steps)
        client.flush()

    with TrackingClient(server.uri) as client:
        run = client.create_run("0").info.run_id
        log(0)
        with page.expect_response(WATCH):
            page.goto(f"{server.http}/#/runs/{run}?tab=charts{smoothing}")
        for metric in metrics:
            expect(find_panel(page, metric)).to_have_attribute("aria-busy", "false")
        devtools = page.context.new_cdp_session(page)
        devtools.send("Network.enable")
        slow = {
            "offline": False,
            "latency": 100,
            "downloadThroughput": 1e6,
            "uploadThroughput": 1e6,
        }
        devtools.send("Network.emulateNetworkConditions", slow)
        requests: list[Request] = []
        page.on("request", lambda one: requests.append(one))
        for part in range(1, 5):
            log(part * size)
            page.wait_for_timeout(250)
        # The last points are drawn in the end.
        for metric in metrics:
            figure = find_panel(page, metric)
            over = figure.locator(".u-over")
            # A pixel is 130 steps.
            last = figure.locator(".values .at", has_text=re.compile(r"step 49[5-9]\d\d"))
            for attempt in range(200):
                page.mouse.move(0, 0)
                over.hover(position={"x": width_of(over) - 1 - _room(attempt), "y": 60})
                if last.count():
                    break
                page.wait_for_timeout(100)
            expect(last).to_have_count(1)
        page.wait_for_timeout(1_500)
        reads = [one for one in requests if "history/stream" in one.url]
        page.wait_for_timeout(2_500)
        after = [one for one in requests if "history/stream" in one.url]
    assert len(reads) == len(after) >= len(metrics)
    # One at a time, and a rest of twice its time after each.
    times = [one.timing["startTime"] for one in reads]
    ends = [one.timing["startTime"] + one.timing["responseEnd"] for one in reads]
    for start, end, following in zip(times, ends, times[1:], strict=False):
        assert following - end >= 1.8 * (end - start)


def test_points_that_come_while_a_history_is_read_are_not_lost(
    server: ServerProcess, page: Page
) -> None:
    with TrackingClient(server.uri) as client:
        run = client.create_run("0").info.run_id
        client.log_metric(run, "loss", 1.0, step=0)
        client.flush()
        answers: list[Route] = []
        page.route("**/history/stream**", lambda route: answers.append(route))
        with page.expect_response(WATCH):
            page.goto(f"{server.http}/#/runs/{run}?tab=charts")
        expect(page.locator("figure.panel")).to_have_attribute("aria-busy", "true")
        (route,) = answers
        before = route.fetch()
        for step in range(1, 5):
            client.log_metric(run, "loss", 1.0, step=step)
        client.log_metric(run, "other", 1.0)
        client.flush()
        expect(page.get_by_title("other", exact=True)).to_be_visible()  # the watch has told of all
        route.fulfill(response=before)
        find_panel(page, "loss").locator(".plot[data-points='5']").wait_for()


def test_points_that_come_are_drawn_at_once_over_what_is_there(
    server: ServerProcess, page: Page
) -> None:
    steps = range(400)
    with TrackingClient(server.uri) as client:
        run = client.create_run("0").info.run_id
        client.log_columns(run, "loss", [step % 10 for step in steps], steps, steps)
        client.flush()
        page.add_init_script(_COUNT_DRAWINGS)
        with page.expect_response(WATCH):
            page.goto(f"{server.http}/#/runs/{run}?tab=charts")
        figure = find_panel(page, "loss")
        figure.locator(".plot[data-points='400']").wait_for()

        def log(step: int, value: float) -> float:
            client.log_metric(run, "loss", value, step=step)
            client.flush()
            start = time.monotonic()
            figure.locator(f".plot[data-points='{step + 1}']").wait_for()
            return time.monotonic() - start

        # The first one makes room for the others.
        log(400, 5)
        assert _last_column(figure) == pytest.approx(400 / 420, abs=0.01)
        drawings = page.evaluate("window.drawings")
        late = [log(step, 5) for step in range(401, 415)]
        assert sorted(late)[len(late) // 2] <= 0.5
        assert page.evaluate("window.drawings") == drawings
        assert _last_column(figure) == pytest.approx(414 / 420, abs=0.01)
        # One that has no room has all drawn anew: beyond the y axis, and beyond the x axis.
        log(415, 100)
        assert min(rows[0] for rows in read_drawing(figure).columns if rows) < 0.2
        assert page.evaluate("window.drawings") == drawings + 1
        for step in range(416, 422):
            log(step, 5)
        assert page.evaluate("window.drawings") == drawings + 2
        assert _last_column(figure) == pytest.approx(421 / 442.05, abs=0.01)


def _last_column(figure: Locator) -> float:
    """Where on the width of a plot its curve ends."""
    columns = read_drawing(figure).columns
    return max(place for place, rows in enumerate(columns) if rows) / len(columns)


@pytest.mark.parametrize("query", ["", "&smoothing=0.6", "&x=relative&logy=1"])
def test_lines_that_grew_look_as_if_they_were_drawn_at_once(
    server: ServerProcess, page: Page, query: str
) -> None:
    # So many that some are dashed.
    size = 24
    steps = range(300)
    with TrackingClient(server.uri) as client:
        runs = [client.create_run("0", start_time=0).info.run_id for _ in range(size)]
        for number, run in enumerate(runs):
            values = [number + 1 + (step * 7 % 11) / 11 for step in steps]
            client.log_columns(run, "loss", values, steps, [1_000 * step for step in steps])
        client.flush()
        page.add_init_script(_COUNT_DRAWINGS)
        with page.expect_response(WATCH):
            page.goto(f"{server.http}/#/experiments/0?tab=charts&eyes=all{query}")
        figure = find_panel(page, "loss")
        figure.locator(f".plot[data-points='{size * 300}']").wait_for()
        for step in range(300, 330):
            for number, run in enumerate(runs):
                value = number + 1 + (step * 7 % 11) / 11
                if number == 3 and step > 310:
                    value = math.nan
                if number == 4 and step > 320:
                    value = math.inf
                client.log_metric(run, "loss", value, step=step, timestamp=1_000 * step)
            client.flush()
            page.wait_for_timeout(100)
        figure.locator(f".plot[data-points='{size * 330}']").wait_for()
    drawings = page.evaluate("window.drawings")
    assert drawings < 15
    figure.evaluate(_KEEP)
    screen = page.viewport_size
    assert screen
    for width in (screen["width"] - 100, screen["width"]):
        before = page.evaluate("window.drawings")
        page.set_viewport_size({"width": width, "height": screen["height"]})
        page.wait_for_function("(before) => window.drawings > before", arg=before)
    wait_for_frames(page)
    assert page.evaluate("window.drawings") >= drawings + 2
    # Dashes do not go on where they were.
    assert figure.evaluate(_DIFFERENCE) < 0.025
