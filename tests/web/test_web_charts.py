"""Charts: what is drawn is looked at as pixels of the real canvas."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from runstream import TrackingClient
from support.damage import damage_chunk
from support.held_requests import wait_for_requests
from support.server_process import ServerProcess
from support.web_charts import (
    choose,
    count_drawn,
    find_panel,
    open_edges,
    point_at,
    read_drawing,
    run_colour,
    width_of,
)
from support.web_content import GAP, INFINITE, POINTS, SPIKE, STEPS, SWEEP, Content

See = Callable[[str], Page]


def test_each_metric_has_a_panel_in_the_group_of_its_prefix(see: See, content: Content) -> None:
    page = see(f"/experiments/{content.experiment_id}?tab=charts&flat=1")
    groups = page.locator("details.group")
    expect(groups.locator("summary")).to_have_text(
        ["val/ 2 metrics", "train/ 2 metrics", "metrics 3 metrics"]
    )
    expect(groups.nth(1).locator("figure .title")).to_have_text(["train/accuracy", "train/loss"])
    expect(page.get_by_role("list", name="Runs").get_by_role("listitem")).to_have_count(6)
    assert count_drawn(find_panel(page, "train/loss")) == STEPS * len(SWEEP)
    page.get_by_role("searchbox", name="Search metrics").fill("accu")
    expect(page.locator("figure.panel")).to_have_count(2)


def test_charts_are_loaded_before_anything_is_asked_and_watches_share_a_position(
    page: Page, filled: tuple[ServerProcess, Content]
) -> None:
    server, content = filled
    asked: list[str] = []
    reads: list[str] = []
    page.on("request", lambda request: asked.append(urlsplit(request.url).path))
    page.on("request", lambda one: reads.append(one.url) if "history" in one.url else None)
    page.clock.install()
    page.goto(f"{server.http}/#/experiments/{content.experiment_id}?tab=charts&flat=1")
    expect(page.locator("figure.panel canvas").first).to_be_visible()
    loaded = next(i for i, path in enumerate(asked) if "MetricCharts" in path)
    assert loaded < next(i for i, path in enumerate(asked) if path.startswith("/api/"))
    assert asked.count("/api/1.0/runstream/watch/get-position") == 1
    page.clock.run_for(10_000)  # nothing is read twice
    wait_for_requests(page)
    assert len(set(reads)) == len(reads) > 0


def test_selected_runs_are_the_ones_that_are_drawn(see: See, content: Content) -> None:
    some = ",".join(content.runs[:2])
    page = see(f"/experiments/{content.experiment_id}?tab=charts&selected={some}")
    expect(page.get_by_role("list", name="Runs").get_by_role("listitem")).to_have_text(
        ["adam-0.3", "adam-0.1"]
    )
    assert count_drawn(find_panel(page, "val/loss")) == 2 * STEPS


def test_a_spike_of_one_point_among_thousands_is_drawn(see: See, content: Content) -> None:
    _, figure = open_edges(see, content)
    assert count_drawn(figure) < POINTS  # it was thinned
    found = read_drawing(figure)
    at = SPIKE / POINTS
    assert min(min(rows, default=1) for rows in found.between(at - 0.01, at + 0.01)) < 0.15
    assert min(min(rows, default=1) for rows in found.between(0, at - 0.02)) > 0.8


def test_nan_is_a_gap_and_infinities_are_marked_at_the_edges(see: See, content: Content) -> None:
    _, figure = open_edges(see, content, "gappy")
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
    point_at(figure, 150)
    values = figure.get_by_role("status")
    expect(values.locator(".value")).to_have_count(len(SWEEP))
    expect(values).to_contain_text("step")
    numbers = [float(text) for text in values.locator("b").all_inner_texts()]
    assert numbers[1:] == sorted(numbers[1:], reverse=True)  # after the nearest
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
    # Points that were logged at once have one time, somewhere in the panel.
    for x in range(0, round(width_of(figure.locator(".u-over"))), 4):
        figure.locator(".u-over").hover(position={"x": x, "y": 60})
        page.wait_for_timeout(20)
        if figure.locator(".values .at").count():
            break
    expect(figure.locator(".values .at")).to_contain_text(text)
    assert count_drawn(figure) == STEPS
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
    page.get_by_role("button", name="More", exact=True).click()
    page.get_by_label("log x").check()
    expect(figure.get_by_text("4 points ≤ 0")).to_be_visible()


def test_smoothing_keeps_the_raw_line_faintly(see: See, content: Content) -> None:
    _, figure = open_edges(see, content, query="&smoothing=0.9")
    at = SPIKE / POINTS
    found = read_drawing(figure).between(at - 0.01, at + 0.01)
    assert min(min(rows, default=1) for rows in found) > 0.5  # the solid line is smooth
    faint = read_drawing(figure, is_faint=True)
    spike, beside = (
        max(sum(row < 0.4 for row in rows) for rows in faint.between(start, start + 0.02))
        for start in (at - 0.01, at + 0.05)
    )
    assert spike > beside + 20


_TEXTS = """
window.texts = [];
const draw = CanvasRenderingContext2D.prototype.fillText;
CanvasRenderingContext2D.prototype.fillText = function (text, x, y) {
  const half = this.textAlign === "center" ? this.measureText(text).width / 2 : 0;
  const end = this.getTransform().transformPoint({ x: x + half, y }).x;
  window.texts.push([text, end <= this.canvas.width]);
  return draw.call(this, text, x, y);
};
"""


def test_axes_are_marked_by_short_numbers_and_times_of_which_none_is_cut(
    server: ServerProcess, page: Page
) -> None:
    start = 1_700_000_000_000
    with TrackingClient(server.uri) as client:
        run = client.create_run("0", start_time=start).info.run_id
        for step in range(0, 1_000_001, 100_000):
            client.log_metric(run, "loss", 1.0, timestamp=start + 100 * step, step=step)
            client.log_metric(run, "near", 1.0, timestamp=start + step, step=step + 1_234_567)
    page.add_init_script(_TEXTS)
    page.goto(f"{server.http}/#/runs/{run}?tab=charts&metric=loss")
    find_panel(page, "loss")
    texts = dict(page.evaluate("texts"))
    assert {"0", "200K", "400K", "600K", "800K", "1M"} <= set(texts)
    assert all(texts.values())
    page.evaluate("texts.length = 0")
    page.get_by_label("x", exact=True).select_option("time")
    find_panel(page, "loss")
    page.wait_for_function("texts.some(([text]) => /[AP]M/.test(text))")
    lines = {line for text, _ in page.evaluate("texts") for line in text.split("\n")}
    # As the browser's language has it: here that of the United States.
    assert any(re.fullmatch(r"\d\d:\d\d\s[AP]M", line) for line in lines)
    assert any(re.fullmatch(r"Nov 1\d, 2023", line) for line in lines)
    # Another address in the same page: charts that it brings follow it.
    page.goto(f"{server.http}/#/runs/{run}?tab=charts&metric=near&zoom=near:1434567:1434667")
    find_panel(page, "near").get_by_role("button", name="Show all").wait_for()
    page.wait_for_function("texts.some(([text]) => text === '1,434,600')")


def test_values_under_the_cursor_are_those_of_points(server: ServerProcess, page: Page) -> None:
    with TrackingClient(server.uri) as client:
        runs = {name: client.create_run("0", run_name=name).info.run_id for name in "abc"}
        for step in (0, 450, 1_000):
            client.log_metric(runs["a"], "loss", 3.0 + step, step=step)
        for step in (0, 400, 1_000):
            client.log_metric(runs["b"], "loss", 2.0 + step, step=step)
        client.log_metric(runs["c"], "loss", 1.0, step=0)
        client.log_metric(runs["c"], "loss", 1.0, step=100)
    page.goto(f"{server.http}/#/compare?tab=charts&runs={','.join(runs.values())}")
    figure = find_panel(page, "loss")
    width = width_of(figure.locator(".u-over"))
    point_at(figure, round(0.46 * width))
    expect(figure.locator(".values .at")).to_have_text("step 450")
    rows = figure.locator(".values .value")
    expect(rows).to_have_text(["a453", "bstep 400402"])
    point_at(figure, round(0.102 * width))
    expect(rows).to_have_count(3)


def test_picture_and_data_are_downloaded(see: See, content: Content, tmp_path: Path) -> None:
    page = see(f"/runs/{content.runs[0]}?tab=charts&metric=val/loss")
    figure = find_panel(page, "val/loss")
    with page.expect_download() as download:
        choose(figure, "CSV")
    assert download.value.suggested_filename == "val_loss.csv"
    with open(download.value.path(), newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == list(range(STEPS))
    assert {row["run_name"] for row in rows} == {"adam-0.3"}
    assert all(0 < float(row["value"]) < 2 for row in rows)
    with page.expect_download() as download:
        choose(figure, "PNG")
    path = tmp_path / "picture.png"
    download.value.save_as(path)
    picture = Image.open(path).convert("RGB")
    assert run_colour(page) in {colour for _, colour in picture.getcolors(1 << 24) or []}


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
        choose(figure, "CSV")
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


def test_damaged_points_are_said_and_other_runs_and_metrics_are_drawn(
    server: ServerProcess, page: Page
) -> None:  # X9
    with TrackingClient(server.uri) as client:
        run_ids = [client.create_run(run_name=name).info.run_id for name in ("whole", "hurt")]
        for run_id in run_ids:
            for key in ("loss", "other"):
                steps = range(50_000)
                client.log_columns(run_id, key, steps, steps, steps)
    damage_chunk(server, "loss", run_id=run_ids[1])
    page.goto(f"{server.http}/#/compare?tab=charts&runs={','.join(run_ids)}")
    said = page.locator("figure.panel").filter(has=page.get_by_title("loss", exact=True))
    expect(said.get_by_role("alert")).to_contain_text(f"metric 'loss' of run {run_ids[1]} are")
    expect(said.get_by_role("button", name="Try again")).to_be_visible()
    assert read_drawing(find_panel(page, "loss")).columns
    assert 100 < count_drawn(said) < count_drawn(find_panel(page, "other"))
