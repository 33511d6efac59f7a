"""Menus, dialogs and panels of each kind, as axe sees them: light, dark and high contrast."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from support.web_charts import choose, find_panel, panels_text
from support.web_content import Content

See = Callable[[str], Page]

KINDS = (
    "*1;kind=bar;in=0;of=val/loss",
    "*2;kind=scatter;in=0;px=params.lr;py=metrics.val/loss;colour=params.lr;regression=1",
    "*3;kind=histogram;in=0;of=metrics.val/loss",
    "*4;kind=parallel;in=0;of=params.lr|params.optimizer|metrics.val/loss",
    "*5;kind=table;in=0;of=params.lr|metrics.val/loss",
    "*6;kind=text;in=0;text=# Notes",
    "*7;kind=timeline;in=0;by=params.optimizer",
)


def menu_of_a_panel(page: Page) -> None:
    find_panel(page, "val/loss").get_by_role("button", name="More of").click()
    expect(page.get_by_role("menuitem", name="Edit")).to_be_visible()


def dialog_of_a_panel(page: Page) -> None:
    choose(find_panel(page, "val/loss"), "Edit")
    expect(page.get_by_role("dialog")).to_be_visible()


def dialog_of_a_section(page: Page) -> None:
    page.get_by_role("button", name="More of section val/").click()
    page.get_by_role("menuitem", name="Settings").click()
    expect(page.get_by_role("dialog")).to_be_visible()


def all_settings(page: Page) -> None:
    page.get_by_role("button", name="More", exact=True).click()
    expect(page.get_by_label("Kind of smoothing")).to_be_visible()


def menu_of_views(page: Page) -> None:
    page.get_by_role("button", name="Views").click()


def completions(page: Page) -> None:
    page.get_by_role("combobox", name="Filter runs").fill("metrics.")
    expect(page.get_by_role("option").first).to_be_visible()


def drawn_kinds(page: Page) -> None:
    page.set_viewport_size({"width": 1280, "height": 4_000})  # panels are read in sight
    expect(page.locator("figure[aria-busy=false]")).to_have_count(len(KINDS) + 7, timeout=60_000)


def dialog_of_a_move(page: Page) -> None:
    page.get_by_role("button", name="More actions").click()
    page.get_by_role("menuitem", name="Move").click()
    expect(page.get_by_role("radio").first).to_be_visible()


def dialog_of_tags(page: Page) -> None:
    page.get_by_role("button", name="Tag", exact=True).click()
    page.get_by_label("Key", exact=True).fill("mlflow.runName")
    expect(page.get_by_role("dialog").get_by_role("status")).to_contain_text("have it")


def dialog_of_the_bin(page: Page) -> None:
    page.get_by_role("button", name="Empty the bin").click()
    expect(page.get_by_role("dialog")).to_contain_text("Points")


def menu_of_an_experiment(page: Page) -> None:
    page.get_by_role("button", name="Actions for").first.click()
    expect(page.get_by_role("menuitem", name="Archive")).to_be_visible()


def as_it_is(page: Page) -> None:
    page.wait_for_load_state("networkidle")


HOME = "/experiments/{experiment}?saved=none&flat=1"
FEW = f"{HOME}&tab=charts&metric=val/"
STATES: dict[str, tuple[str, Callable[[Page], None]]] = {
    "panel menu": (FEW, menu_of_a_panel),
    "panel dialog": (FEW, dialog_of_a_panel),
    "section dialog": (FEW, dialog_of_a_section),
    "all settings": (FEW, all_settings),
    "views": (FEW, menu_of_views),
    "completions": (FEW, completions),
    "kinds": (f"{HOME}&tab=charts&colour=params.lr&panels={panels_text(*KINDS)}", drawn_kinds),
    "full screen": (f"{HOME}&tab=charts&whole=val/loss", as_it_is),
    "groups": (f"{HOME}&groups=params.optimizer", as_it_is),
    "move": (f"{HOME}&tab=table&selected={{runs}}", dialog_of_a_move),
    "tags": (f"{HOME}&tab=table&selected={{runs}}", dialog_of_tags),
    "bin": (f"{HOME}&stage=deleted", dialog_of_the_bin),
    "experiments": ("/", menu_of_an_experiment),
    "code": ("/runs/{run}?tab=code", as_it_is),
    "media": ("/runs/{run}?tab=media", as_it_is),
    "differences": ("/compare?runs={runs}&baseline={run}", as_it_is),
    "compared code": ("/compare?runs={runs}&tab=code", as_it_is),
}


@pytest.mark.parametrize("name", STATES)
def test_axe_finds_nothing_in_any_colours(see: See, content: Content, name: str) -> None:
    address, act = STATES[name]
    runs = ",".join(content.runs[:3])
    page = see(address.format(experiment=content.experiment_id, run=content.runs[0], runs=runs))
    expect(page.locator(".loading")).to_have_count(0)
    act(page)
    for scheme, forced in (("light", "none"), ("dark", "none"), ("light", "active")):
        page.emulate_media(color_scheme=scheme, forced_colors=forced)  # type: ignore[arg-type]
        found = Axe().run(page)
        assert found.violations_count == 0, (scheme, forced, found.generate_report())
