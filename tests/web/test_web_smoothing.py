"""Smoothed lines, which the server computes of all points."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from runstream import TrackingClient
from support.server_process import ServerProcess
from support.web_charts import WATCH, find_panel, point_at, width_of
from support.web_content import POINTS, SPIKE, Content

See = Callable[[str], Page]


def test_a_spike_of_one_step_is_not_smoothed_into_thousands(see: See, content: Content) -> None:
    page = see(f"/runs/{content.edges}?tab=charts&metric=spiky&smoothing=0.9")
    figure = find_panel(page, "spiky")
    width = width_of(figure.locator(".u-over"))
    # A hundred steps behind the spike nothing is left of it; of thinned points a tenth was.
    for steps in (150, 400, 1_000):
        point_at(figure, round((SPIKE + steps) / POINTS * width))
        told = figure.locator(".values .value b").inner_text()
        assert abs(float(told) - 2) < 1.1, (steps, told)


def test_kinds_of_smoothing_are_in_the_address_and_read_of_the_server(
    see: See, content: Content
) -> None:
    page = see(f"/runs/{content.edges}?tab=charts&metric=spiky")
    figure = find_panel(page, "spiky")
    page.get_by_role("button", name="More", exact=True).click()
    for kind, name, amount in (
        ("Gaussian", "GAUSSIAN", 5),
        ("Time-weighted", "TIME_WEIGHTED", 10),
        ("Running mean", "RUNNING_MEAN", 11),
        ("Least so far", "MINIMUM", None),
    ):
        with page.expect_request(re.compile(f"smoothing=SMOOTHING_{name}")) as request:
            page.get_by_label("Kind of smoothing").select_option(kind)
        if amount:
            assert f"smoothing_amount={amount}" in request.value.url
            expect(page.get_by_role("slider", name="Smoothing")).to_be_visible()
            expect(page).to_have_url(re.compile(f"smoothing={amount}&smoothingkind="))
    expect(page.get_by_role("slider", name="Smoothing")).to_have_count(0)
    page.reload()
    # It stands under *More*, which is open then.
    expect(page.get_by_label("Kind of smoothing")).to_have_value("min")
    expect(figure).to_have_attribute("aria-busy", "false")
    width = width_of(figure.locator(".u-over"))
    for at in (0.5, 0.95):
        point_at(figure, round(at * width))
        told = figure.locator(".values .value b").inner_text()
        assert float(told) < 1.001  # the wave has been down at 1, whatever it is now


def test_points_that_come_extend_a_smoothed_line_as_the_server_would(
    server: ServerProcess, page: Page
) -> None:
    with TrackingClient(server.uri) as client:
        run = client.create_run("0").info.run_id
        for step in range(100):
            client.log_metric(run, "loss", math.sin(step), step=step)
        client.flush()
        with page.expect_response(WATCH):
            page.goto(f"{server.http}/#/runs/{run}?tab=charts&smoothing=0.9")
        figure = find_panel(page, "loss")
        reads: list[str] = []
        page.on("request", lambda one: reads.append(one.url))
        for step in range(100, 140):
            client.log_metric(run, "loss", 5.0, step=step)
        client.flush()
        figure.locator(".plot[data-points='140']").wait_for()
        over = figure.locator(".u-over")
        point_at(figure, round(width_of(over)) - 1)
        live = figure.locator(".values .value b").inner_text()
        assert not [url for url in reads if "history/stream" in url]
        page.reload()
        figure = find_panel(page, "loss")
        point_at(figure, round(width_of(over)) - 1)
        assert figure.locator(".values .value b").inner_text() == live
        assert 4.5 < float(live) < 5
