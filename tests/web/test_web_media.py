"""What runs logged by step, on the page of a run and side by side."""

from __future__ import annotations

import re

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from runstream import TrackingClient
from support.server_process import ServerProcess

Runs = tuple[str, str]


@pytest.fixture
def runs(server: ServerProcess) -> Runs:
    """Two runs with media of the same keys, the second at every other step."""
    with TrackingClient(server.uri) as client:
        first, second = (
            client.create_run("0", run_name=name).info.run_id for name in ("first", "second")
        )
        for step in range(0, 50, 10):
            _log(client, first, step)
            if step % 20 == 0:
                _log(client, second, step)
        # MLflow 2's name of an image, and the small picture that it makes of it.
        image = np.full((2, 77), 0.5)
        stem = (
            "images/old#key%step%5%timestamp%1700000000000%"
            + "0" * 8
            + "-0000-4000-8000-"
            + "0" * 12
        )
        client.log_image(first, image, f"{stem}.png")
        client.log_image(first, image[:, :3], f"{stem}%compressed.webp")
        for run in (first, second):
            client.set_terminated(run)
    return first, second


def _log(client: TrackingClient, run: str, step: int) -> None:
    client.log_image(run, np.full((4, 10 + step), step / 50), key="val/samples", step=step)
    client.log_audio(run, np.zeros(100), key="voice", step=step, sample_rate=8_000)
    client.log_table(run, {"answer": [f"of step {step}"]}, key="answers", step=step)
    client.log_histogram(run, np.arange(100) + step, key="weights", step=step, bins=10)


def test_media_of_a_run_are_seen_step_by_step(
    server: ServerProcess, page: Page, runs: Runs
) -> None:
    page.goto(f"{server.http}/#/runs/{runs[0]}")
    page.get_by_role("tab", name="Media").click()
    image = page.get_by_role("region", name="images/val/samples").get_by_role("img")
    expect(image).to_have_js_property("naturalWidth", 50)
    old = page.get_by_role("region", name="images/old/key").get_by_role("img")
    expect(old).to_have_count(1)
    expect(old).to_have_js_property("naturalWidth", 77)
    slider = page.get_by_role("slider", name="Step")
    slider.focus()
    page.keyboard.press("Home")
    expect(image).to_have_js_property("naturalWidth", 10)
    expect(page.get_by_role("region", name="images/old/key")).to_contain_text(
        "Nothing up to step 0"
    )
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    expect(page.get_by_text("Step 20", exact=True)).to_be_visible()
    expect(page).to_have_url(re.compile("step=20"))
    expect(image).to_have_js_property("naturalWidth", 30)
    expect(page.get_by_role("region", name="tables/answers")).to_contain_text("of step 20")
    audio = page.get_by_role("region", name="audio/voice").locator("audio")
    expect(audio).to_have_js_property("error", None)
    bars = page.get_by_role("region", name="histograms/weights").get_by_role("img")
    expect(bars).to_have_accessible_name(re.compile("100 values from 20 to 119"))
    page.reload()
    expect(image).to_have_js_property("naturalWidth", 30)
    page.get_by_role("searchbox", name="Find media").fill("val")
    expect(page.locator(".media-panel")).to_have_count(1)
    page.get_by_label("View of val/samples").select_option("All steps")
    expect(page.locator(".media-panel img")).to_have_count(5)
    page.get_by_role("link", name="Step 40 of val/samples").click()
    expect(page.get_by_role("heading", name=re.compile("step.40"))).to_be_visible()


def test_histograms_over_steps_are_ridges_a_heat_map_and_percentiles(
    server: ServerProcess, page: Page, runs: Runs
) -> None:
    page.goto(f"{server.http}/#/runs/{runs[0]}?tab=media&media=weights")
    told = "weights: 5 steps from 0 to 40, values from 0 to 139"
    view = page.get_by_label("View of weights")
    view.select_option("Ridgelines")
    picture = page.get_by_role("img", name=told)
    expect(picture.locator("path")).to_have_count(5)
    view.select_option("Heat map")
    expect(picture).to_have_js_property("width", 5)
    # All values of the first step are in the lower part.
    pixels = "e => [10, 70].map(y => [...e.getContext('2d').getImageData(0, y, 1, 1).data].join())"
    high, low = picture.evaluate(pixels)
    assert high == "68,1,84,255"
    assert low != high
    view.select_option("Percentiles")
    expect(picture.locator(".band > title")).to_have_text(
        ["0 % to 100 %", "7 % to 93 %", "16 % to 84 %", "31 % to 69 %"]
    )
    # At step 10 k there are 100 values from 10 k to 10 k + 99: the median of the first is 49.5.
    line = picture.locator(".median").get_attribute("d") or ""
    heights = [float(point.split()[1]) for point in line.removeprefix("M").split("L")]
    medians = [139 * (1 - height / 240) for height in heights]
    assert medians == pytest.approx([49.5, 59.5, 69.5, 79.5, 89.5], abs=0.1)


def test_runs_are_compared_at_the_same_step(server: ServerProcess, page: Page, runs: Runs) -> None:
    page.goto(f"{server.http}/#/compare?runs={','.join(runs)}&tab=media&step=30")
    panel = page.get_by_role("region", name="images/val/samples")
    images = panel.get_by_role("img")
    expect(images).to_have_count(2)
    expect(images.nth(0)).to_have_js_property("naturalWidth", 40)
    expect(images.nth(1)).to_have_js_property("naturalWidth", 30)
    expect(panel.locator("figcaption")).to_have_text(["step 30", "step 20"])
    panel.get_by_role("link", name="second", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("second")


def test_a_run_without_media_says_how_to_log_some(server: ServerProcess, page: Page) -> None:
    with TrackingClient(server.uri) as client:
        run = client.create_run("0").info.run_id
        page.goto(f"{server.http}/#/runs/{run}?tab=media")
        expect(page.get_by_text("No media by step")).to_be_visible()
        client.log_image(run, np.zeros((2, 2)), key="late", step=1)
        expect(page.get_by_role("region", name="images/late")).to_be_visible(timeout=30_000)
