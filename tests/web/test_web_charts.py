"""Charts: what is drawn is looked at as pixels of the real canvas."""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, Request, expect

from runstream import TrackingClient
from support.server_process import ServerProcess
from support.web_charts import BLUE, find_panel, read_drawing
from support.web_content import GAP, INFINITE, POINTS, SPIKE, STEPS, SWEEP, Content

See = Callable[[str], Page]


def points(figure: Locator) -> int:
    return int(figure.locator(".plot").get_attribute("data-points") or 0)


def drag(page: Page, figure: Locator, start: float, end: float) -> None:
    """Choose a range of the width by the mouse."""
    box = figure.locator(".u-over").bounding_box()
    assert box
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + start * box["width"], y)
    page.mouse.down()
    page.mouse.move(box["x"] + end * box["width"], y, steps=5)
    page.mouse.up()


def edges(
    see: See, content: Content, metric: str = "spiky", query: str = ""
) -> tuple[Page, Locator]:
    page = see(f"/runs/{content.edges}?tab=charts{query}")
    return page, find_panel(page, metric)


def test_each_metric_has_a_panel_in_the_group_of_its_prefix(see: See, content: Content) -> None:
    page = see(f"/experiments/{content.experiment_id}?tab=charts&flat=1")
    groups = page.locator("details.group")
    expect(groups.locator("summary")).to_have_text(
        ["metrics 3 metrics", "train/ 2 metrics", "val/ 2 metrics"]
    )
    expect(groups.nth(1).locator("figure .title")).to_have_text(["train/accuracy", "train/loss"])
    expect(page.get_by_role("list", name="Runs").get_by_role("listitem")).to_have_count(7)
    assert points(find_panel(page, "train/loss")) == STEPS * len(SWEEP)
    page.get_by_role("searchbox", name="Search metrics").fill("accu")
    expect(page.locator("figure.panel")).to_have_count(2)


def test_charts_are_loaded_before_anything_is_asked_and_watches_share_a_position(
    page: Page, filled: tuple[ServerProcess, Content]
) -> None:
    server, content = filled
    asked: list[str] = []
    page.on("request", lambda request: asked.append(urlsplit(request.url).path))
    page.goto(f"{server.http}/#/experiments/{content.experiment_id}?tab=charts&flat=1")
    expect(page.locator("figure.panel canvas").first).to_be_visible()
    loaded = next(i for i, path in enumerate(asked) if "MetricCharts" in path)
    assert loaded < next(i for i, path in enumerate(asked) if path.startswith("/api/"))
    assert asked.count("/api/1.0/runstream/watch/get-position") == 1


def test_selected_runs_are_the_ones_that_are_drawn(see: See, content: Content) -> None:
    some = ",".join(content.runs[:2])
    page = see(f"/experiments/{content.experiment_id}?tab=charts&selected={some}")
    expect(page.get_by_role("list", name="Runs").get_by_role("listitem")).to_have_text(
        ["adam-0.3", "adam-0.1"]
    )
    assert points(find_panel(page, "val/loss")) == 2 * STEPS


def test_a_spike_of_one_point_among_thousands_is_drawn(see: See, content: Content) -> None:
    _, figure = edges(see, content)
    assert points(figure) < POINTS  # it was thinned
    found = read_drawing(figure)
    at = SPIKE / POINTS
    assert min(min(rows, default=1) for rows in found.between(at - 0.01, at + 0.01)) < 0.15
    assert min(min(rows, default=1) for rows in found.between(0, at - 0.02)) > 0.8


def test_nan_is_a_gap_and_infinities_are_marked_at_the_edges(see: See, content: Content) -> None:
    _, figure = edges(see, content, "gappy")
    found = read_drawing(figure)
    assert not any(found.between((GAP[0] + 10) / POINTS, (GAP[-1] - 10) / POINTS))
    assert all(found.between((GAP[-1] + 50) / POINTS, (min(INFINITE) - 50) / POINTS))
    around = found.between((min(INFINITE) - 10) / POINTS, (max(INFINITE) + 10) / POINTS)
    assert min(row for rows in around for row in rows) < 0.03
    assert max(row for rows in around for row in rows) > 0.97


def test_values_of_all_runs_stand_under_the_cursor(see: See, content: Content) -> None:
    ids = ",".join(content.runs)
    page = see(f"/experiments/{content.experiment_id}?tab=charts&selected={ids}&metric=val/loss")
    figure = find_panel(page, "val/loss")
    figure.locator(".u-over").hover(position={"x": 150, "y": 60})
    values = figure.get_by_role("status")
    expect(values.locator(".value")).to_have_count(len(SWEEP))
    expect(values).to_contain_text("step")
    numbers = [float(text) for text in values.locator("b").all_inner_texts()]
    assert numbers == sorted(numbers, reverse=True)
    # By keyboard, too.
    page.mouse.move(0, 0)
    expect(values).to_have_count(0)
    assert any(read_drawing(figure).columns)  # the chart itself stays
    figure.focus()
    figure.press("ArrowRight")
    expect(values.locator(".value")).to_have_count(len(SWEEP))


@pytest.mark.parametrize(("axis", "text"), [("time", "20"), ("relative", "s"), ("step", "step ")])
def test_x_is_step_time_or_time_since_start(
    see: See, content: Content, axis: str, text: str
) -> None:
    page = see(f"/runs/{content.runs[0]}?tab=charts&metric=val/loss")
    figure = find_panel(page, "val/loss")
    page.get_by_label("x", exact=True).select_option(axis)
    figure.locator(".u-over").hover(position={"x": 150, "y": 60})
    expect(figure.locator(".values .at")).to_contain_text(text)
    assert points(figure) == STEPS
    assert any(read_drawing(figure).columns)


def test_a_logarithmic_axis_says_what_it_cannot_show(server: ServerProcess, page: Page) -> None:
    with TrackingClient(server.uri) as client:
        run = client.create_run("0").info.run_id
        for step in range(100):
            client.log_metric(run, "decay", 10.0 ** (-step / 10), step=step)
        for step in range(100, 103):
            client.log_metric(run, "decay", -1.0, step=step)
    page.goto(f"{server.http}/#/runs/{run}?tab=charts")
    figure = find_panel(page, "decay")
    page.get_by_label("log y").check()
    expect(figure.get_by_text("3 points ≤ 0 are not on a logarithmic axis")).to_be_visible()
    # What falls by a constant factor is a straight line.
    heights = [sum(rows) / len(rows) for rows in read_drawing(figure).between(0.05, 0.9) if rows]
    steps = [after - before for before, after in pairwise(heights)]
    assert min(steps) > -0.02
    middle = heights[len(heights) // 2]
    assert abs(middle - (heights[0] + heights[-1]) / 2) < 0.03
    page.get_by_label("log x").check()
    expect(figure.get_by_text("4 points ≤ 0")).to_be_visible()


def test_smoothing_keeps_the_raw_line_faintly(see: See, content: Content) -> None:
    _, figure = edges(see, content, query="&smoothing=0.9")
    at = SPIKE / POINTS
    found = read_drawing(figure).between(at - 0.01, at + 0.01)
    assert min(min(rows, default=1) for rows in found) > 0.5  # the solid line is smooth
    faint = read_drawing(figure, tuple(round(255 - (255 - c) / 4) for c in BLUE))  # type: ignore[arg-type]
    spike = faint.between(at - 0.01, at + 0.01)
    assert min(min(rows, default=1) for rows in spike) < 0.2


def test_zooming_reads_finer_points(see: See, content: Content) -> None:
    page, figure = edges(see, content)
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


def test_picture_and_data_are_downloaded(see: See, content: Content, tmp_path: Path) -> None:
    page = see(f"/runs/{content.runs[0]}?tab=charts&metric=val/loss")
    figure = find_panel(page, "val/loss")
    with page.expect_download() as download:
        figure.get_by_role("button", name="CSV").click()
    assert download.value.suggested_filename == "val_loss.csv"
    with open(download.value.path(), newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == list(range(STEPS))
    assert {row["run_name"] for row in rows} == {"adam-0.3"}
    assert all(0 < float(row["value"]) < 2 for row in rows)
    with page.expect_download() as download:
        figure.get_by_role("button", name="PNG").click()
    path = tmp_path / "picture.png"
    download.value.save_as(path)
    picture = Image.open(path).convert("RGB")
    assert BLUE in {colour for _, colour in picture.getcolors(1 << 24) or []}


def test_the_data_of_a_panel_are_all_points_of_what_is_in_sight(see: See, content: Content) -> None:
    page = see(f"/runs/{content.edges}?tab=charts&metric=gappy")
    figure = find_panel(page, "gappy")
    figure.locator(".plot:not([data-points='0'])").wait_for()
    assert int(figure.locator(".plot").get_attribute("data-points") or 0) < POINTS
    rows = points_of(page, figure)
    assert [int(row["step"]) for row in rows] == list(range(POINTS))
    values = [float(row["value"]) for row in rows]
    assert all(math.isnan(values[step]) for step in GAP)
    assert {step: values[step] for step in INFINITE} == INFINITE
    figure.focus()
    page.keyboard.press("+")
    figure.get_by_role("button", name="Show all").wait_for()
    steps = [int(row["step"]) for row in points_of(page, figure)]
    assert steps == list(range(steps[0], steps[-1] + 1))
    assert steps[0] > POINTS // 5
    assert steps[-1] < POINTS - POINTS // 5


def points_of(page: Page, figure: Locator) -> list[dict[str, str]]:
    """Return the rows of the CSV of a panel."""
    with page.expect_download() as download:
        figure.get_by_role("button", name="CSV").click()
    with open(download.value.path(), newline="") as file:
        return list(csv.DictReader(file))


def test_it_is_said_which_of_many_runs_are_drawn(server: ServerProcess, page: Page) -> None:
    with TrackingClient(server.uri) as client:
        ids = [client.create_run("0", run_name=f"r{i}").info.run_id for i in range(101)]
        for run in ids:
            client.log_metric(run, "loss", 1.0)
    page.goto(f"{server.http}/#/experiments/0?tab=charts")
    expect(page.get_by_text("The first 10 of 101 runs; select others")).to_be_visible()
    page.get_by_role("figure", name="loss, 10 runs").wait_for()
    page.goto(f"{server.http}/#/experiments/0?tab=charts&selected={','.join(ids)}")
    expect(page.get_by_text("The first 100 of 101 selected runs")).to_be_visible()
    page.get_by_role("figure", name="loss, 100 runs").wait_for()
