"""What pages read again each some seconds: one read at a time, and only while somebody looks."""

from __future__ import annotations

import numpy as np
import pytest
from playwright.sync_api import Page, Route, expect

from runstream import TrackingClient
from support.server_process import ServerProcess

LOOKED_AT = """is => {
  Object.defineProperty(document, "hidden", { value: !is, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


class Held:
    """Requests of a page that get no answer yet."""

    def __init__(self, page: Page, pattern: str) -> None:
        self._page = page
        self._pattern = pattern
        self._routes: list[Route] = []
        page.route(pattern, self._hold)

    def _hold(self, route: Route) -> None:
        self._routes.append(route)

    def after(self, seconds: int) -> int:
        """Return how many there are after so many seconds of the page's clock."""
        for _ in range(3):
            self._page.clock.run_for(seconds * 1_000 // 3)
            # What was asked before is known when this is answered.
            self._page.evaluate("fetch('health').then(answer => answer.text())")
        return len(self._routes)

    def answer(self) -> None:
        """Have the server answer all, and those that come from now on."""
        while self._routes:
            self._routes.pop().continue_()
        self._page.unroute(self._pattern)


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
    held = Held(page, "**/experiments/search")
    assert held.after(40) == 1
    held.answer()
    expect(page.get_by_role("row", name="new")).to_be_visible()
    held = Held(page, "**/experiments/search")
    assert held.after(5) == 0  # the next is as long after the answer
    page.evaluate(LOOKED_AT, False)
    assert held.after(60) == 0
    page.evaluate(LOOKED_AT, True)
    assert held.after(1) == 1  # it was due
    assert held.after(200) == 2  # what gets no answer is asked once more


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
        page.goto(address)
        expect(part).to_be_visible()
        held = Held(page, pattern)
        assert held.after(40) == 1, pattern
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
    held = Held(page, "**/artifacts/list?*")
    held.after(1)  # the observer tells with one of the next frames
    assert held.after(60) == 0
    panel.scroll_into_view_if_needed()
    assert held.after(1) == 1
    assert held.after(40) == 1
