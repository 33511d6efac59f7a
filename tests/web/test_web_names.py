"""Names that people and tools give: any characters but control characters (M1)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from runstream import TrackingClient
from support import vectors
from support.server_process import ServerProcess
from support.web_charts import choose, panels_text

KEYS = [key for key in vectors.KEYS["allowed"] if key.strip() and key.isprintable()]
ODD = "50%, a%2Cb"
AXES = ["f1, macro", ODD]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The page of two runs that have all these keys."""
    database = tmp_path_factory.mktemp("names") / "runs.db"
    server = ServerProcess(database, {"RUNSTREAM_HTTP_PORT": "0"})
    with TrackingClient(server.uri) as client:
        for i, name in enumerate(("first", "second")):
            run_id = client.create_run("0", run_name=name).info.run_id
            keys = [*KEYS, ODD, "loss DESC"]
            client.log(
                run_id,
                [(key, i + step, 1, step) for key in keys for step in range(2)],
                {key: f"{key} {i}" for key in keys},
            )
    yield f"{server.http}/#/experiments/0"
    assert server.stop() == ""


def runs(page: Page) -> Locator:
    return page.locator(".row .name a")


def add_column(page: Page, name: str, label: str) -> None:
    page.get_by_role("button", name="Columns").click()
    dialog = page.get_by_role("dialog", name="Columns")
    dialog.get_by_role("searchbox").fill(name)
    dialog.get_by_label(label, exact=True).check()
    dialog.get_by_role("button", name="Close").click()


@pytest.mark.parametrize("key", ["f1, macro", ODD, 'say "hi"', "AP@[IoU=0.50:0.95]", "loss DESC"])
def test_a_column_of_any_name_is_chosen_ordered_by_and_linked_to(
    address: str, page: Page, key: str
) -> None:
    page.goto(f"{address}?tab=table&columns=status")
    add_column(page, key, f"metrics.{key} last")
    head = page.get_by_role("columnheader", name=key, exact=True)
    head.get_by_role("button").click()
    expect(runs(page)).to_have_text(["first", "second"])
    page.reload()
    expect(page.get_by_role("columnheader", name=key)).to_have_attribute("aria-sort", "ascending")
    page.get_by_role("columnheader", name=key).get_by_role("button").click()
    expect(runs(page)).to_have_text(["second", "first"])
    heads = [text.strip(" ↑↓\n") for text in page.locator(".head .cell").all_inner_texts()]
    assert heads == ["Run", "Status", key]


@pytest.mark.parametrize(
    ("typed", "key"),
    [
        ("mAP@", "mAP@0.5"),
        ("metrics.mAP@0", "mAP@0.5"),
        ('metrics."loss (tr', "loss (train)"),
        ("say", 'say "hi"'),
    ],
)
def test_the_filter_completes_and_quotes_any_name(
    address: str, page: Page, typed: str, key: str
) -> None:
    page.goto(address)
    box = page.get_by_role("combobox", name="Filter runs")
    box.press_sequentially(typed)
    page.get_by_role("option", name=f"metrics.{key}", exact=True).click()
    quoted = key.replace('"', '""')
    expect(box).to_have_value(f'metrics."{quoted}" ')
    box.press_sequentially("= 2")
    box.press("Enter")
    expect(runs(page)).to_have_text(["second"])


def test_metrics_of_any_name_are_drawn(address: str, page: Page) -> None:
    page.goto(f"{address}?tab=charts&metric=IoU")
    figure = page.get_by_role("figure", name="AP@[IoU=0.50:0.95]")
    expect(figure.locator("canvas")).to_be_visible()
    expect(page.locator("figure")).to_have_count(1)


def test_axes_of_any_name_are_linked_to(address: str, page: Page) -> None:
    page.goto(f"{address}?tab=charts&panels={panels_text('*1;kind=parallel')}")
    figure = page.locator("figure.panel[data-panel='*1']")
    choose(figure, "Edit")
    dialog = page.get_by_role("dialog", name="Panel")
    for key in AXES:
        dialog.get_by_label("Add to axes").fill(key)
        dialog.get_by_label("Add to axes").press("Enter")
        expect(dialog.get_by_role("button", name=f"Without {key}", exact=True)).to_be_visible()
    dialog.get_by_role("button", name="Done").click()
    page.reload()
    expect(page.locator("svg .name")).to_have_text(AXES)


def test_a_name_that_nobody_sees_is_shown_as_the_id(server: ServerProcess, page: Page) -> None:
    with TrackingClient(server.uri) as client:
        run_id = client.create_run("0", run_name="\u200b\u2060").info.run_id
        client.create_run("0", run_name="\u202egnp.exe")
    page.goto(f"{server.http}/#/experiments/0?tab=table&sort=start_time")
    page.get_by_role("link", name=run_id).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(run_id)
