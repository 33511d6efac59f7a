"""Charts that are zoomed: finer points, their edges, and the address."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Page, Request, expect

from runstream import TrackingClient
from support.server_process import ServerProcess
from support.web_charts import (
    count_drawn,
    drag,
    find_panel,
    open_edges,
    read_drawing,
)
from support.web_content import Content

See = Callable[[str], Page]


def test_zooming_reads_finer_points(see: See, content: Content) -> None:
    page, figure = open_edges(see, content)
    asked: list[dict[str, list[str]]] = []

    def note(request: Request) -> None:
        if "history/stream" in request.url:
            asked.append(parse_qs(urlsplit(request.url).query))

    page.on("request", note)
    drag(page, figure, 0.2, 0.3)
    figure.get_by_role("button", name="Show all").wait_for()
    expect(figure).to_have_attribute("aria-busy", "false")
    query = asked[0]
    start, end = int(query["start_step"][0]), int(query["end_step"][0])
    assert 950 < start < 1_050
    assert 1_450 < end < 1_550
    figure.locator(f".plot[data-points='{end - start + 1}']").wait_for()  # every point
    assert any(read_drawing(figure).between(0.2, 0.8))
    figure.press("0")
    figure.locator(f".plot:not([data-points='{end - start + 1}'])").wait_for()
    expect(figure.get_by_role("button", name="Show all")).to_have_count(0)


def test_a_zoom_is_in_the_address_and_left_with_its_axis(see: See, content: Content) -> None:
    page, figure = open_edges(see, content)
    drag(page, figure, 0.2, 0.3)
    expect(page).to_have_url(re.compile(r"zoom=spiky(%3A|:)"))
    text = parse_qs(urlsplit(page.url.partition("#")[2]).query)["zoom"][0]
    start, end = map(float, text.split(":")[1:])
    assert 950 < start < 1_050
    assert 1_450 < end < 1_550
    page.reload()
    figure = find_panel(page, "spiky")
    expect(figure.get_by_role("button", name="Show all")).to_be_visible()
    inside = math.floor(end) - math.ceil(start) + 1
    assert (
        inside + 2 <= count_drawn(figure) <= inside + 40
    )  # with the next drawn ones beyond the edges
    page.get_by_label("x", exact=True).select_option("time")
    expect(figure.get_by_role("button", name="Show all")).to_have_count(0)
    expect(page).not_to_have_url(re.compile("zoom="))
    assert any(read_drawing(figure).columns)
    page.goto(page.url + "&zoom=spiky:5:5,spiky:a:b,spiky")
    expect(find_panel(page, "spiky").get_by_role("button", name="Show all")).to_have_count(0)


def test_finer_points_reach_both_edges_on_every_axis(server: ServerProcess, page: Page) -> None:
    size = 300_000
    with TrackingClient(server.uri) as client:
        run = client.create_run("0", start_time=1_000_000).info.run_id
        steps = range(size)
        times = [1_000_000 + 100 * step for step in steps]
        client.log_columns(run, "loss", steps, steps, times)
        client.log_metric(run, "eval", 1.0, timestamp=1_000_000, step=0)
        client.log_metric(run, "eval", 1.0, timestamp=times[-1], step=size)
    for axis in ("step", "time", "relative"):
        page.goto(f"{server.http}/#/runs/{run}?tab=charts&x={axis}")
        figure = find_panel(page, "loss")
        drag(page, figure, 0.5, 0.52)
        figure.get_by_role("button", name="Show all").wait_for()
        figure.press("Shift+ArrowRight")  # and where no finer points were read before
        expect(figure).to_have_attribute("aria-busy", "false")
        found = read_drawing(figure).columns
        assert all(found[2:-2]), axis
        # A line goes on to the edges where no point is in sight.
        sparse = find_panel(page, "eval")
        drag(page, sparse, 0.3, 0.4)
        sparse.get_by_role("button", name="Show all").wait_for()
        expect(sparse).to_have_attribute("aria-busy", "false")
        assert all(read_drawing(sparse).columns[2:-2]), axis
        page.goto("about:blank")


# Notes the texts that are drawn, and whether the canvas has room for the whole of each.
