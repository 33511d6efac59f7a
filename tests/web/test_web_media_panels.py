"""Media as panels of a workspace: of all drawn runs, at one step."""

from __future__ import annotations

import re

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from runstream import TrackingClient
from support.held_requests import wait_for_requests
from support.server_process import ServerProcess
from support.web_charts import choose, take_over

RUNS = 22


@pytest.fixture
def runs(server: ServerProcess) -> list[str]:
    """Runs whose images are as wide as their number and step say; one has no image."""
    with TrackingClient(server.uri) as client:
        runs = [client.create_run("0", run_name=f"run {i}").info.run_id for i in range(RUNS)]
        for i, run in enumerate(runs):
            client.log_metric(run, "loss", 1.0 / (i + 1))
            for step in (0, 10) if i else ():
                image = np.full((4, 100 * (step // 10) + i), 0.25)
                client.log_image(run, image, key="val/a, b|c%", step=step)
        client.log_histogram(runs[-1], np.arange(100), key="weights", step=3)
        for run in runs:
            client.set_terminated(run)
    return runs


def find_media(page: Page, name: str) -> Locator:
    found = page.locator("figure.panel").filter(has=page.get_by_title(name, exact=True))
    found.scroll_into_view_if_needed()
    expect(found).to_have_attribute("aria-busy", "false")
    return found


def widths(panel: Locator) -> list[int]:
    images = panel.locator(".media-files img")
    expect(images).not_to_have_count(0)
    for image in images.all():
        image.scroll_into_view_if_needed()
        expect(image).not_to_have_js_property("naturalWidth", 0)
    found: list[int] = images.evaluate_all("images => images.map((image) => image.naturalWidth)")
    return found


@pytest.mark.usefixtures("runs")
def test_a_workspace_has_panels_of_media_of_the_drawn_runs(
    server: ServerProcess, page: Page
) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    # A section that is tall: what is below it is not in sight.
    tall = "panels=loss;height%3D1200"
    page.goto(f"{server.http}/#/experiments/0?{tall}")
    page.locator("figure.panel canvas").first.wait_for()
    page.wait_for_timeout(200)
    wait_for_requests(page)
    assert not [url for url in asked if "/artifacts/list" in url]
    page.get_by_role("button", name="Add panel").scroll_into_view_if_needed()
    page.mouse.move(900, 500)
    page.mouse.wheel(0, 5_000)
    panel = find_media(page, "val/a, b|c%")
    expect(panel).to_have_accessible_name("val/a, b|c%, 10 runs")
    # The ten newest, at their last step.
    assert widths(panel) == [100 + i for i in range(RUNS - 1, RUNS - 11, -1)]
    expect(panel.get_by_role("link", name="run 21", exact=True)).to_be_visible()
    slider = panel.get_by_role("slider", name="Step")
    slider.focus()
    page.keyboard.press("Home")
    expect(panel.locator("output").first).to_have_text("Step 0")
    assert widths(panel) == list(range(RUNS - 1, RUNS - 11, -1))
    expect(page).to_have_url(re.compile("step%3D0|step=0"))
    page.reload()
    panel = find_media(page, "val/a, b|c%")
    assert widths(panel) == list(range(RUNS - 1, RUNS - 11, -1))
    # Histograms stand beside them, and have views of their own.
    find_media(page, "weights").get_by_label("View of weights").select_option("Heat map")
    expect(page.get_by_role("img", name=re.compile("weights: 1 step"))).to_be_visible()
    expect(page).to_have_url(re.compile("view%3Dheat|view=heat"))
    choose(panel, "Remove")
    expect(panel).to_have_count(0)
    page.reload()
    find_media(page, "weights")
    expect(panel).to_have_count(0)


def test_a_panel_of_media_is_added_and_shows_at_most_twenty_runs(
    server: ServerProcess, page: Page, runs: list[str]
) -> None:
    page.goto(f"{server.http}/#/compare?tab=charts&runs={','.join(runs)}")
    page.get_by_role("button", name="Add panel").click()
    dialog = page.get_by_role("dialog", name="Panel")
    dialog.get_by_label("Kind").select_option("Media")
    dialog.get_by_label("Series").select_option("images/val/a, b|c%")
    dialog.get_by_label("Title").fill("Samples")
    dialog.get_by_role("button", name="Done").click()
    panel = find_media(page, "Samples")
    expect(panel).to_have_accessible_name("Samples, 19 of the first 20 of 22 runs")
    page.reload()
    panel = find_media(page, "Samples")
    expect(panel.locator(".media-run")).to_have_count(19)
    # Pixels of pictures side by side are zoomed and pointed at together.
    panel.get_by_role("button", name="Full screen").click()
    panel.get_by_label("View of").select_option("Pixels")
    frames = panel.get_by_role("region", name=re.compile("arrows go from pixel to pixel"))
    expect(frames).to_have_count(19)
    frames.nth(3).focus()
    page.keyboard.press("ArrowRight")
    pixels = panel.locator("output.pixel")
    told = re.compile(r"x \d+, y 2: #3f3f3f \(63, 63, 63\)")
    expect(pixels.nth(3)).to_have_text(told)
    expect(pixels.nth(0)).to_have_text(pixels.nth(3).inner_text())
    for _ in range(12):
        page.keyboard.press("+")
    page.keyboard.press("Shift+ArrowRight")
    expect(frames.nth(0)).not_to_have_js_property("scrollLeft", 0)
    left = frames.nth(3).evaluate("frame => frame.scrollLeft")
    expect(frames.nth(0)).to_have_js_property("scrollLeft", left)
    # A drag that the browser takes over is at its end.
    box = frames.nth(0).bounding_box()
    assert box
    page.mouse.move(box["x"] + 60, box["y"] + 10)
    page.mouse.down()
    page.mouse.move(box["x"] + 50, box["y"] + 10, steps=2)
    expect(frames.nth(0)).to_have_js_property("scrollLeft", left + 10)
    take_over(page)
    page.mouse.move(box["x"] + 20, box["y"] + 10, steps=2)
    page.mouse.up()
    expect(frames.nth(0)).to_have_js_property("scrollLeft", left + 10)
