"""Charts that move while training runs."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Request, Route, expect

from runstream import TrackingClient
from support.server_process import ServerProcess
from support.web_charts import (
    count_drawn,
    find_panel,
    width_of,
)

See = Callable[[str], Page]


def test_points_appear_while_training_runs(server: ServerProcess, page: Page) -> None:
    with TrackingClient(server.uri) as client:
        run = client.create_run("0").info.run_id
        client.log_metric(run, "loss", 1.0, step=0)
        client.flush()
        page.goto(f"{server.http}/#/runs/{run}?tab=charts")
        figure = find_panel(page, "loss")
        figure.locator(".plot[data-points='1']").wait_for()
        page.wait_for_timeout(500)  # the watch follows
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
        page.goto(f"{server.http}/#/runs/{run}?tab=charts")
        figure = find_panel(page, "loss")
        page.wait_for_timeout(500)  # the watch follows
        start = time.monotonic()
        requests.clear()
        log(size)
        log(2 * size)
        # The last point is drawn in the end.
        over = figure.locator(".u-over")
        for _ in range(100):
            over.hover(position={"x": width_of(over) - 1, "y": 60})
            if figure.locator(".values .at").inner_text() == f"step {3 * size - 1}":
                break
            page.mouse.move(0, 0)
            page.wait_for_timeout(100)
        expect(figure.locator(".values .at")).to_have_text(f"step {3 * size - 1}")
        page.wait_for_timeout(1_000)
        seconds = time.monotonic() - start
    reads = [one for one in requests if "history/stream" in one.url]
    # The watch tells of these points in more than a hundred answers.
    assert 1 <= len(reads) <= 1 + seconds / 0.4
    times = [one.timing["startTime"] for one in reads]
    ends = [one.timing["startTime"] + one.timing["responseEnd"] for one in reads]
    assert all(start >= end for start, end in zip(times[1:], ends, strict=False))
    assert count_drawn(figure) < 10_000


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
        page.goto(f"{server.http}/#/runs/{run}?tab=charts{smoothing}")
        for metric in metrics:
            expect(find_panel(page, metric)).to_have_attribute("aria-busy", "false")
        page.wait_for_timeout(500)  # the watch follows
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
            for _ in range(200):
                page.mouse.move(0, 0)
                over.hover(position={"x": width_of(over) - 1, "y": 60})
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
        page.goto(f"{server.http}/#/runs/{run}?tab=charts")
        expect(page.locator("figure.panel")).to_have_attribute("aria-busy", "true")
        page.wait_for_timeout(500)  # the watch follows
        (route,) = answers
        before = route.fetch()
        for step in range(1, 5):
            client.log_metric(run, "loss", 1.0, step=step)
        client.flush()
        page.wait_for_timeout(500)  # the watch tells of them
        route.fulfill(response=before)
        find_panel(page, "loss").locator(".plot[data-points='5']").wait_for()
