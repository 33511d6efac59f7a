"""Parallel coordinates and scatter: each run is a line, or a point."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from support.web_content import SWEEP, Content

See = Callable[[str], Page]


def test_parallel_coordinates_lead_from_params_to_metrics(see: See, content: Content) -> None:
    columns = "params.lr,params.optimizer,metrics.val/loss"
    page = see(f"/experiments/{content.experiment_id}?tab=parallel&flat=1&columns={columns}")
    drawing = page.get_by_role("group", name="Parallel coordinates", exact=True)
    expect(drawing.locator("path.line")).to_have_count(len(SWEEP))
    expect(drawing.locator("text.name")).to_have_text(["lr", "optimizer", "val/loss"])
    expect(drawing.get_by_text("rmsprop", exact=True)).to_be_visible()
    box = drawing.locator("rect.handle").first.bounding_box()
    assert box
    page.mouse.move(box["x"] + 10, box["y"] + 1)
    page.mouse.down()
    page.mouse.move(box["x"] + 10, box["y"] + box["height"] / 2, steps=4)
    page.mouse.up()
    expect(page.get_by_text("1 of 7 runs")).to_be_visible()  # an lr of 0.3 alone is so high
    expect(drawing.locator("path.line.out")).to_have_count(4)
    with page.expect_download() as download:
        page.get_by_role("button", name="SVG").click()
    text = Path(download.value.path()).read_text()
    assert text.startswith("<svg")
    assert "val/loss" in text
    page.get_by_role("group", name="Axes").get_by_label("optimizer").uncheck()
    expect(drawing.locator("text.name")).to_have_text(["lr", "val/loss"])


def test_a_range_of_an_axis_is_chosen_by_keys_too(see: See, content: Content) -> None:
    columns = "params.lr,params.optimizer,metrics.val/loss"
    page = see(f"/experiments/{content.experiment_id}?tab=parallel&flat=1&columns={columns}")
    out = page.locator("path.line.out")
    expect(page.locator("path.line")).to_have_count(len(SWEEP))
    highest = page.get_by_role("slider", name="Highest lr")
    lowest = page.get_by_role("slider", name="Lowest lr")
    expect(highest).to_have_attribute("aria-valuetext", "0.3")
    lowest.focus()
    for _ in range(2):
        lowest.press("PageUp")
    expect(lowest).to_have_attribute("aria-valuetext", "0.15")
    expect(page.get_by_text("1 of 7 runs")).to_be_visible()  # an lr of 0.3 alone is so high
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


def test_any_two_columns_make_a_scatter(see: See, content: Content) -> None:
    columns = "params.lr,params.optimizer,metrics.val/loss,metrics.train/loss"
    page = see(f"/experiments/{content.experiment_id}?tab=scatter&flat=1&columns={columns}")
    circles = page.locator("circle.point")
    expect(circles).to_have_count(len(SWEEP))
    page.get_by_label("x", exact=True).select_option("metrics.train/loss")
    page.get_by_label("y", exact=True).select_option("metrics.val/loss")
    expect(page.get_by_role("img", name="val/loss by train/loss")).to_be_visible()
    places = [
        (float(c.get_attribute("cx") or 0), float(c.get_attribute("cy") or 0))
        for c in circles.all()
    ]
    places.sort()
    assert [y for _, y in places] == sorted((y for _, y in places), reverse=True)
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV").click()
    assert len(Path(download.value.path()).read_text().splitlines()) == len(SWEEP) + 1
    circles.first.click()
    page.wait_for_url("**/runs/*")


def test_keys_go_from_run_to_run_and_what_they_are_at_is_told(see: See, content: Content) -> None:
    columns = "params.lr,metrics.val/loss"
    best = re.compile(r"^adam-0\.3 · lr 0\.3 · val/loss 0\.\d+$")
    page = see(f"/experiments/{content.experiment_id}?tab=scatter&flat=1&columns={columns}")
    drawing = page.get_by_role("group", name="Runs of the scatter plot")
    expect(page.locator("circle.point")).to_have_count(len(SWEEP))
    drawing.focus()
    drawing.press("ArrowRight")  # the least lr
    expect(page.locator(".told")).to_contain_text("rmsprop-0.003 · lr 0.003")
    drawing.press("End")
    expect(page.locator(".told")).to_have_text(best)
    expect(page.locator("circle.over")).to_have_count(1)
    drawing.press("Escape")
    expect(page.locator("circle.over")).to_have_count(0)
    page.get_by_role("tab", name="Parallel coordinates").click()
    drawing = page.get_by_role("group", name="Runs of the parallel coordinates")
    expect(page.locator("path.line")).to_have_count(len(SWEEP))
    drawing.focus()
    drawing.press("End")  # the least loss
    expect(page.locator(".told")).to_have_text(best)
    expect(page.locator("path.over")).to_have_count(1)
    drawing.press("Enter")
    page.wait_for_url(f"**/runs/{content.runs[0]}")
