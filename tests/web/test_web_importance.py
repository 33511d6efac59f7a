"""The importance of params for a metric, as a panel (S14)."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator

import numpy as np
import pytest
from playwright.sync_api import Page, Route, expect

from runstream import TrackingClient
from support.held_requests import wait_for_requests
from support.server_process import ServerProcess
from support.web_charts import choose, panels_text

RUNS = 30


class Runs:
    """Runs of an experiment, whose lr and layers decide a metric."""

    def __init__(self, server: ServerProcess, client: TrackingClient) -> None:
        self._client = client
        self._experiment = client.create_experiment(secrets.token_hex(8))
        self.address = f"{server.http}/#/experiments/{self._experiment}"
        for number in range(RUNS):
            self.add(number)
        client.set_terminated(client.create_run(self._experiment).info.run_id)

    def start(self) -> str:
        """Start a run that goes on."""
        return self._client.create_run(self._experiment, run_name="goes on").info.run_id

    def log(self, run_id: str, key: str, value: float) -> None:
        self._client.log_metric(run_id, key, value)
        self._client.flush()

    def add(self, number: int) -> None:
        random = np.random.default_rng(number)
        lr, layers = random.uniform(0.001, 0.1), int(random.integers(1, 5))
        run = self._client.create_run(self._experiment, run_name=f"r{number}").info.run_id
        optimizer = ("adam", "sgd")[number % 2]
        params = {"lr": lr, "layers": layers, "seed": number, "optimizer": optimizer}
        for key, value in params.items():
            self._client.log_param(run, key, value)
        self._client.log_metric(run, "my loss", 100 * lr - layers)
        self._client.set_terminated(run)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that tests share: to load scikit-learn takes seconds."""
    folder = tmp_path_factory.mktemp("importance")
    server = ServerProcess(folder / "runs.db", {"RUNSTREAM_HTTP_PORT": "0"})
    yield server
    server.stop()


@pytest.fixture
def runs(loaded: ServerProcess) -> Iterator[Runs]:
    with TrackingClient(loaded.uri) as client:
        yield Runs(loaded, client)


def test_a_panel_tells_which_params_decide_a_metric(runs: Runs, page: Page) -> None:
    panels = panels_text("*1;kind=importance;number=metrics.my loss")
    page.goto(f"{runs.address}?tab=charts&columns=status&panels={panels}")
    figure = page.locator("figure.panel").filter(has=page.get_by_title("Importance for my loss"))
    expect(figure.locator(".hint")).to_have_text(
        re.compile(r"^random forest, foretells \d\d %, 30 of 31 runs$"), timeout=60_000
    )
    rows = figure.locator(".bar-row")
    expect(rows.locator("text").first).to_have_text("lr")
    expect(rows.nth(0).locator("rect.rising")).to_have_count(1)
    expect(rows.nth(0)).to_have_text(re.compile(r"\d\d % \(\+0\.\d\d\)$"))
    expect(rows.nth(1)).to_contain_text("layers")
    expect(rows.nth(1).locator("rect.falling")).to_have_count(1)
    row = figure.get_by_role("button", name=re.compile("^optimizer, importance"))
    expect(row).to_have_attribute("aria-label", re.compile("; 2 values in 30 runs$"))
    with page.expect_download() as download:
        choose(figure, "CSV")
    lines = download.value.path().read_text().splitlines()
    assert lines[0] == "param,importance,rank correlation,runs,values"
    assert lines[1].startswith("lr,")
    assert len(lines) == 5

    # What is chosen, by keys, too, is shown as a column, a colour or a scatter.
    rows.nth(0).focus()
    rows.nth(0).press("Enter")
    told = figure.locator(".told")
    expect(told).to_contain_text("my loss rises with it (+0.")
    told.get_by_role("button", name="Show as a column").click()
    expect(page).to_have_url(re.compile(r"columns=[^&]*params\.lr"))
    told.get_by_role("button", name="Colour runs by it").click()
    expect(page.get_by_role("list", name="Colours of lr")).to_be_visible()
    told.get_by_role("button", name="Add a scatter").click()
    expect(page.get_by_role("img", name="my loss by lr")).to_be_visible()

    # The metric is chosen among numbers.
    choose(figure, "Edit")
    metric = page.get_by_role("dialog", name="Panel").get_by_label(re.compile("^Metric"))
    assert "params.lr" not in metric.inner_html()
    metric.select_option("minimum.my loss")
    page.get_by_role("button", name="Done").click()
    expect(page.get_by_text("Importance for my loss (min)", exact=True)).to_be_visible()


def test_importance_follows_the_filter_and_the_runs(runs: Runs, page: Page) -> None:
    address = f"{runs.address}?flat=1&panels={panels_text('my loss;kind=importance')}"
    page.goto(address)
    figure = page.locator("figure.panel").first
    expect(figure.locator(".hint")).to_contain_text("30 of 31 runs", timeout=60_000)
    page.goto(f"{address}&filter=params.optimizer = 'sgd'")
    expect(figure.locator(".hint")).to_have_text("rank correlation, 15 of 15 runs")
    expect(figure.locator(".bar-row", has_text="optimizer")).to_have_count(0)
    page.goto(f"{address}&filter=params.seed < 3")
    expect(figure.locator(".empty")).to_have_text("3 of 3 runs have my loss: five are needed.")
    runs.add(RUNS + 1)
    page.goto(address)
    expect(figure.locator(".hint")).to_contain_text("31 of 32 runs")
    runs.add(RUNS + 2)
    expect(figure.locator(".hint")).to_contain_text("32 of 33 runs")


def test_what_is_below_a_panel_that_is_still_loaded_is_not_computed(runs: Runs, page: Page) -> None:
    held: list[Route] = []
    asked: list[str] = []
    page.route("**/assets/HistogramPanel-*.js", lambda route: held.append(route))
    page.on("request", lambda request: asked.append(request.url))
    panels = panels_text(
        "*1;kind=histogram;of=metrics.accuracy;width=4;height=1200",
        "*2;kind=importance;number=metrics.my loss",
    )
    page.goto(f"{runs.address}?flat=1&panels={panels}")
    figure = page.locator("figure.panel").filter(has=page.get_by_title("Importance for my loss"))
    expect(figure).to_have_count(1)
    expect(figure).not_to_be_in_viewport()
    (route,) = held
    route.continue_()
    expect(page.locator("figure.panel")).to_have_count(2)
    wait_for_requests(page)
    assert not [url for url in asked if url.endswith("/param-importance")]


def test_importance_is_computed_in_sight_and_only_when_it_may_be_another(
    runs: Runs, page: Page
) -> None:
    going = runs.start()
    runs.log(going, "accuracy", 0.25)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    def computed_after(seconds: int) -> int:
        """How often it was computed since the last time that this was asked."""
        page.clock.run_for(seconds * 1_000)
        wait_for_requests(page)
        found = len([url for url in asked if url.endswith("/param-importance")])
        asked.clear()
        return found

    page.clock.install()
    panels = panels_text(
        "*1;kind=histogram;of=metrics.accuracy;width=4;height=1200",
        "*2;kind=importance;number=metrics.my loss",
    )
    page.goto(f"{runs.address}?flat=1&sort=metrics.accuracy&panels={panels}")
    figure = page.locator("figure.panel").filter(has=page.get_by_title("Importance for my loss"))
    first = page.locator("figure.panel").first
    expect(first).to_have_attribute("aria-busy", "false")
    expect(figure).not_to_be_in_viewport()
    assert computed_after(12) == 0
    figure.scroll_into_view_if_needed()
    expect(figure.locator(".hint")).to_contain_text("30 of 32 runs", timeout=60_000)
    assert computed_after(12) == 1

    cells = page.locator(".row", has_text="goes on")
    runs.log(going, "accuracy", 0.375)
    expect(cells).to_contain_text("0.375")
    assert computed_after(12) == 0  # of another metric
    first.scroll_into_view_if_needed()
    expect(figure).not_to_be_in_viewport()
    runs.log(going, "my loss", 0.125)
    runs.log(going, "accuracy", 0.5)
    expect(cells).to_contain_text("0.5")
    assert computed_after(12) == 0  # out of sight
    figure.scroll_into_view_if_needed()
    expect(figure.locator(".hint")).to_contain_text("31 of 32 runs")
