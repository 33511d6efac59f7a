"""What pages read again each some seconds: one read at a time, and only while somebody looks."""

from __future__ import annotations

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from runstream import TrackingClient
from support.held_requests import HeldRequests
from support.server_process import ServerProcess

LOOKED_AT = """is => {
  Object.defineProperty(document, "hidden", { value: !is, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


@pytest.fixture
def run_id(server: ServerProcess) -> str:
    """A run that goes on, with a child run, an image and a log."""
    with TrackingClient(server.uri) as client:
        run_id = client.create_run("0", run_name="goes on").info.run_id
        client.create_run("0", run_name="child", tags={"mlflow.parentRunId": run_id})
        client.log_metric(run_id, "loss", 0.5)
        client.log_image(run_id, np.zeros((4, 4)), key="sample", step=1)
        client.log_text(run_id, "epoch 1\n", "train.log")
        client.flush()
        return run_id


def test_a_slow_server_is_waited_for_and_nothing_is_read_out_of_sight(
    server: ServerProcess, page: Page
) -> None:
    page.clock.install()
    page.goto(server.http)
    expect(page.get_by_role("row", name="Default")).to_be_visible()
    with TrackingClient(server.uri) as client:
        client.create_experiment("new")
    held = HeldRequests(page, "**/experiments/search")
    assert held.after(40) == 1
    held.answer()
    expect(page.get_by_role("row", name="new")).to_be_visible()
    held = HeldRequests(page, "**/experiments/search")
    assert held.after(5) == 0  # the next is as long after the answer
    page.evaluate(LOOKED_AT, False)
    assert held.after(60) == 0
    page.evaluate(LOOKED_AT, True)
    assert held.after(1) == 1  # it was due
    assert held.after(55) == 1
    assert held.after(20) == 2  # after the deadline of the call


def test_each_part_of_a_page_that_is_read_again_waits_for_its_answer(
    server: ServerProcess, page: Page, run_id: str
) -> None:
    page.clock.install()
    run = f"{server.http}/#/runs/{run_id}"
    parts = [
        (run, page.get_by_role("link", name="child"), "**/runs/search"),
        (f"{run}?tab=media", page.get_by_role("slider", name="Step"), "**/artifacts/list?*"),
        (f"{run}?tab=alerts", page.get_by_text("No alerts yet."), "**/alerts?*run_id=*"),
        (
            f"{run}?tab=artifacts&artifact=train.log",
            page.get_by_role("region", name="End of train.log"),
            "**/artifacts/get?*",
        ),
    ]
    for address, part, pattern in parts:
        page.goto("about:blank")
        page.goto(address)
        expect(part).to_be_visible()
        held = HeldRequests(page, pattern)
        # In less than the time in which a watch without a word is taken for a dead one.
        assert held.after(30) == 1, pattern
        held.answer()


@pytest.mark.usefixtures("run_id")
def test_a_panel_of_media_is_read_again_while_it_is_in_sight(
    server: ServerProcess, page: Page
) -> None:
    page.clock.install()
    page.goto(f"{server.http}/#/experiments/0?panels=loss;height%3D1200")
    page.locator("figure.panel canvas").first.wait_for()
    page.mouse.move(900, 500)
    page.mouse.wheel(0, 5_000)
    panel = page.locator("figure.panel").filter(has=page.get_by_title("sample", exact=True))
    panel.scroll_into_view_if_needed()
    expect(panel.get_by_role("img")).to_be_visible()
    page.mouse.wheel(0, -5_000)
    expect(panel).not_to_be_in_viewport()
    held = HeldRequests(page, "**/artifacts/list?*")
    held.after(1)  # the observer tells with one of the next frames
    assert held.after(30) == 0
    panel.scroll_into_view_if_needed()
    assert held.after(1) == 1
    assert held.after(15) == 1
