"""Panels of runs: parallel coordinates, scatter, bars, histogram, timeline, numbers and text."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from runstream import TrackingClient
from support.server_process import ServerProcess
from support.web_charts import choose, panels_text, take_over
from support.web_content import SWEEP, Content

See = Callable[[str], Page]

AXES = "*1;kind=parallel;of=params.lr|params.optimizer|metrics.val/loss"


def open_panels(see: See, content: Content, *items: str) -> tuple[Page, Locator]:
    query = f"tab=charts&flat=1&panels={panels_text(*items)}"
    page = see(f"/experiments/{content.experiment_id}?{query}")
    figure = page.locator("figure.panel").first
    expect(figure).to_have_attribute("aria-busy", "false")
    return page, figure


def test_parallel_coordinates_lead_from_params_to_metrics_and_keep_what_is_chosen(
    see: See, content: Content
) -> None:
    page, figure = open_panels(see, content, AXES)
    drawing = figure.get_by_role("group", name="Parallel coordinates", exact=True)
    expect(drawing.locator("path.line")).to_have_count(len(SWEEP))
    expect(drawing.locator("text.name")).to_have_text(["lr", "optimizer", "val/loss"])
    expect(drawing.get_by_text("rmsprop", exact=True)).to_be_visible()
    expect(figure).to_contain_text("5 of 7 runs have all")
    box = drawing.locator("rect.handle").first.bounding_box()
    assert box
    page.mouse.move(box["x"] + 10, box["y"] + 1)
    page.mouse.down()
    page.mouse.move(box["x"] + 10, box["y"] + box["height"] / 2, steps=4)
    page.mouse.up()
    expect(figure).to_contain_text("1 of 7 runs chosen")  # an lr of 0.3 alone is so high
    expect(drawing.locator("path.line.out")).to_have_count(4)
    with page.expect_download() as download:
        choose(figure, "SVG")
    text = Path(download.value.path()).read_text()
    assert text.startswith("<svg")
    assert ">Parallel coordinates</text>" in text
    assert "val/loss" in text
    expect(page).to_have_url(re.compile("brush"))
    page.reload()
    expect(page.locator("path.line.out")).to_have_count(4)


def test_a_drag_along_an_axis_that_the_browser_takes_over_is_at_its_end(
    see: See, content: Content
) -> None:
    page, figure = open_panels(see, content, AXES)
    box = figure.locator("rect.handle").first.bounding_box()
    assert box
    page.mouse.move(box["x"] + 10, box["y"] + 1)
    page.mouse.down()
    page.mouse.move(box["x"] + 10, box["y"] + box["height"] / 2, steps=4)
    expect(figure).to_contain_text("1 of 7 runs chosen")
    take_over(page)
    page.mouse.move(box["x"] + 10, box["y"] + box["height"], steps=4)
    expect(figure).to_contain_text("1 of 7 runs chosen")
    page.mouse.up()


def test_a_range_of_an_axis_is_chosen_by_keys_too(see: See, content: Content) -> None:
    page, figure = open_panels(see, content, AXES)
    out = page.locator("path.line.out")
    expect(page.locator("path.line")).to_have_count(len(SWEEP))
    highest = page.get_by_role("slider", name="Highest lr")
    lowest = page.get_by_role("slider", name="Lowest lr")
    expect(highest).to_have_attribute("aria-valuetext", "0.3")
    lowest.focus()
    for _ in range(2):
        lowest.press("PageUp")
    expect(lowest).to_have_attribute("aria-valuetext", "0.15")
    expect(figure).to_contain_text("1 of 7 runs chosen")
    expect(out).to_have_count(4)
    lowest.press("Home")
    expect(out).to_have_count(0)
    page.keyboard.press("Shift+Tab")
    expect(highest).to_be_focused()
    highest.press("ArrowDown")
    expect(out).to_have_count(1)
    highest.press("Escape")
    expect(out).to_have_count(0)
    page.get_by_role("slider", name="Lowest optimizer").press("PageUp")
    expect(out).to_have_count(2)  # those by adam, the first name at the bottom


def test_any_two_columns_make_a_scatter_with_colour_size_line_and_front(
    see: See, content: Content
) -> None:
    scatter = "*1;kind=scatter;px=metrics.train/loss;py=metrics.val/loss"
    page, figure = open_panels(see, content, scatter)
    circles = figure.locator("circle.point")
    expect(circles).to_have_count(len(SWEEP))
    expect(page.get_by_role("img", name="val/loss by train/loss")).to_be_visible()
    expect(figure).to_contain_text("5 of 7 runs have both")
    places = [
        (float(c.get_attribute("cx") or 0), float(c.get_attribute("cy") or 0))
        for c in circles.all()
    ]
    places.sort()
    assert [y for _, y in places] == sorted((y for _, y in places), reverse=True)
    with page.expect_download() as download:
        choose(figure, "CSV")
    assert len(Path(download.value.path()).read_text().splitlines()) == len(SWEEP) + 1
    choose(figure, "Edit")
    dialog = page.get_by_role("dialog", name="Panel")
    dialog.get_by_label("Regression line").select_option("Yes")
    dialog.get_by_label("Pareto front").select_option("Less of both is better")
    dialog.get_by_label("Size by").select_option("metrics.epoch_seconds")
    dialog.get_by_label("Colour by").select_option("params.optimizer")
    dialog.get_by_label("Logarithmic x axis").select_option("Yes")
    dialog.get_by_role("button", name="Done").click()
    expect(figure.locator("line.regression")).to_have_count(1)
    expect(figure.locator("circle.best")).to_have_count(1)  # the best of both
    expect(figure).to_contain_text("r = 0.97")
    sizes = {c.get_attribute("r") for c in circles.all()}
    assert len(sizes) == len(SWEEP)
    fills = {c.evaluate("el => getComputedStyle(el).fill") for c in circles.all()}
    assert len(fills) == 3
    page.reload()
    expect(figure.locator("line.regression")).to_have_count(1)


def test_keys_go_from_run_to_run_and_what_they_are_at_is_told(see: See, content: Content) -> None:
    best = re.compile(r"^adam-0\.3 · lr 0\.3 · val/loss 0\.\d+$")
    page, figure = open_panels(see, content, "*1;kind=scatter;px=params.lr;py=metrics.val/loss")
    drawing = figure.get_by_role("group", name=re.compile("^Runs of"))
    expect(page.locator("circle.point")).to_have_count(len(SWEEP))
    drawing.focus()
    drawing.press("ArrowRight")  # the least lr
    expect(page.locator(".told")).to_contain_text("rmsprop-0.003 · lr 0.003")
    drawing.press("End")
    expect(page.locator(".told")).to_have_text(best)
    expect(page.locator("circle.over")).to_have_count(1)
    drawing.press("Enter")
    expect(page.locator(".legend [aria-pressed=true]")).to_have_text(["adam-0.3"])
    drawing.press("Escape")
    expect(page.locator("circle.over")).to_have_count(0)


def test_bars_histogram_timeline_numbers_and_text_are_panels(see: See, content: Content) -> None:
    page, figure = open_panels(
        see,
        content,
        "*1;kind=bar;of=val/loss|val/loss - train/loss",
        "*2;kind=bar;of=val/loss;by=params.optimizer",
        "*3;kind=histogram;of=metrics.val/loss;bins=4",
        "*4;kind=timeline",
        "*5;kind=table;of=metrics.val/loss|minimum.val/loss|metrics.epoch_seconds",
        "*6;kind=text;title=Notes;text=# Findings\n\n<img src=x onerror=alert(1)> **bold**",
    )
    figures = page.locator("figure.panel")
    expect(figure.locator(".bar-row")).to_have_count(len(SWEEP))
    expect(figure.locator(".bar-row rect")).to_have_count(2 * len(SWEEP))
    groups = figures.nth(1)
    expect(groups.locator(".bar-row")).to_have_count(3)
    expect(groups).to_contain_text("sgd (2)")
    expect(groups.locator("line.whisker")).to_have_count(2)
    expect(figures.nth(2).locator(".bin")).to_have_count(4)
    expect(figures.nth(2)).to_contain_text("5 of 7 runs have it")
    expect(figures.nth(3).locator(".bar-row")).to_have_count(7)
    table = figures.nth(4)
    expect(table.locator("tbody tr")).to_have_count(7)
    expect(table.locator("tr", has_text="adam-0.1")).to_contain_text("20 s")
    text = figures.nth(5)
    expect(text.get_by_role("heading", name="Findings")).to_be_visible()
    expect(text.locator("img[onerror]")).to_have_count(0)
    assert "alert" not in page.title()


def test_links_to_the_former_tabs_lead_to_panels(see: See, content: Content) -> None:
    query = "tab=scatter&scatterx=params.lr&scattery=metrics.val/loss"
    page = see(f"/experiments/{content.experiment_id}?flat=1&{query}")
    expect(page.get_by_role("img", name="val/loss by lr")).to_be_visible()
    page = see(f"/experiments/{content.experiment_id}?tab=parallel&axes=params.lr,metrics.val/loss")
    expect(page.locator("svg text.name")).to_have_text(["lr", "val/loss"])


def test_parallel_coordinates_begin_with_what_differs_and_fit_into_their_panel(
    see: See, content: Content
) -> None:
    page = see(
        f"/experiments/{content.experiment_id}?flat=1&panels={panels_text('*1;kind=parallel')}"
    )
    figure = page.locator("figure.panel").first
    names = figure.locator("text.name")
    # `layers` is the same of all, few have `note`; the metric that matters most has the colours.
    expect(names).to_have_text(["lr", "optimizer", "val/loss", "val/accuracy"])
    expect(figure.locator("rect.shade")).to_have_count(40)
    room = figure.bounding_box()
    last = names.last.bounding_box()
    assert room
    assert last
    assert last["x"] + last["width"] <= room["x"] + room["width"]


def test_panels_begin_with_the_metric_that_runs_are_sorted_by_or_that_matters_most(
    see: See, content: Content
) -> None:
    kinds = ("bar", "importance", "histogram", "scatter", "line")
    panels = panels_text(*(f"*{i};kind={kind}" for i, kind in enumerate(kinds, 1)))
    address = f"/experiments/{content.experiment_id}?tab=charts&flat=1&panels={panels}"
    for sort, metric in (("", "val/accuracy"), ("&sort=metrics.val/loss DESC", "val/loss")):
        page = see(f"{address}{sort}")
        shown = (metric, f"Importance for {metric}", f"{metric}, histogram", f"{metric} by lr")
        # What was added stands before what is there by itself.
        titles = page.locator("figure.panel figcaption .title")
        for place, title in enumerate(shown):
            expect(titles.nth(place)).to_have_text(title)
    expect(page.locator("figure.panel").first.locator(".bar-row")).not_to_have_count(0)
    importance = page.locator("figure.panel").nth(1)
    choose(importance, "Edit")
    field = page.get_by_role("dialog").get_by_label("Metric")
    expect(field.locator("option").first).to_have_text("By itself: val/loss")
    page.get_by_role("button", name="Done").click()
    # Which lines are wanted is not guessed: each metric has a panel of its own.
    lines = page.locator("figure.panel").filter(has=page.get_by_title("Lines", exact=True))
    expect(lines).to_contain_text("Edit it to choose metrics.")


def test_labels_of_parallel_axes_stand_before_the_lines(see: See, content: Content) -> None:
    page = see(
        f"/experiments/{content.experiment_id}?flat=1&panels={panels_text('*1;kind=parallel')}"
    )
    expect(page.locator("path.line")).to_have_count(len(SWEEP))
    tick = page.locator("figure.panel").first.locator("text.tick").first
    expect(tick).to_have_css("paint-order", "stroke")
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    expect(tick).to_have_css("stroke", ground)
    behind = "tick => document.querySelector('path.line').compareDocumentPosition(tick) & 4"
    assert tick.evaluate(behind)


def test_moments_and_titles_of_panels_have_room(server: ServerProcess, page: Page) -> None:
    """At any length of the texts that stand beside them, also where clocks have twelve hours."""
    with TrackingClient(server.uri) as client:
        for second in range(0, 60, 10):
            start = 1_767_261_600_000 + 1_000 * second
            run = client.create_run(start_time=start).info.run_id
            client.log_param(run, "lr", str(second))
            client.log_metric(run, "val_loss", second)
            client.set_terminated(run, end_time=start + 900)
    panels = panels_text("*1;kind=timeline", "*2;kind=importance;number=metrics.val_loss")
    page.goto(f"{server.http}/#/experiments/0?tab=charts&panels={panels}")
    ticks = page.locator("[data-panel='*1'] text.tick[text-anchor='middle']")
    expect(ticks.first).to_contain_text("M")  # AM or PM
    for width in (1280, 800, 400):
        page.set_viewport_size({"width": width, "height": 800})
        page.wait_for_timeout(200)
        boxes = [box for tick in ticks.all() if (box := tick.bounding_box())]
        assert boxes
        for left, right in itertools.pairwise(boxes):
            assert left["x"] + left["width"] < right["x"]
    title = page.locator("[data-panel='*2'] .title")
    expect(page.locator("[data-panel='*2'] .hint")).to_contain_text("6 of 6 runs")
    for width in (1280, 400):
        page.set_viewport_size({"width": width, "height": 800})
        expect(title).to_have_text("Importance for val_loss")
        assert title.evaluate("title => title.scrollWidth <= title.clientWidth")
