"""What holds on every page: access, safety, sizes, and a server that goes and comes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from runstream import TrackingClient
from support.server_process import ServerProcess
from support.web_content import EXPERIMENT, MARKUP, Content, delete_selected

See = Callable[[str], Page]

PAGES = {
    "experiments": "/",
    "workspace": "/experiments/{experiment}?selected={first}&hidden={second}",
    "table": "/experiments/{experiment}?tab=table&flat=1&selected={first},{second}",
    "wrong filter": "/experiments/{experiment}?filter=metrics.loss <",
    "charts": "/experiments/{experiment}?flat=1&tab=charts&smoothing=0.5",
    "parallel": "/experiments/{experiment}?flat=1&tab=parallel",
    "scatter": "/experiments/{experiment}?flat=1&tab=scatter",
    "empty": "/experiments/0",
    "overview": "/runs/{parent}",
    "artifacts": "/runs/{parent}?tab=artifacts&artifact=table.csv",
    "source": "/runs/{parent}?tab=artifacts&artifact=model/train.py",
    "console": "/runs/{parent}?tab=console&times=1&find=e",
    "compare": "/compare?runs={first},{second}",
    "reports": "/experiments/{experiment}/reports",
    "alerts": "/experiments/{experiment}/alerts",
    "report": "/reports/{report}",
    "report editor": "/reports/{report}?edit=1",
    "no page": "/nowhere",
}


def address(name: str, content: Content) -> str:
    return PAGES[name].format(
        experiment=content.experiment_id,
        parent=content.parent,
        first=content.runs[0],
        second=content.runs[1],
        report=content.report,
    )


def settled(page: Page) -> Page:
    page.wait_for_load_state("networkidle")
    expect(page.locator(".loading")).to_have_count(0)
    return page


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing(see: See, page: Page, content: Content, name: str, theme: str) -> None:
    page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
    settled(see(address(name, content)))
    assert page.locator("html").get_attribute("data-theme") == theme
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("name", ["columns", "keys", "tag"])
def test_axe_finds_nothing_in_dialogs(see: See, content: Content, name: str) -> None:
    page = settled(see(address("table", content)))
    page.get_by_role("button", name=name.capitalize(), exact=True).click()
    expect(page.get_by_role("dialog")).to_be_visible()
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("width", [400, 3840])
@pytest.mark.parametrize("name", PAGES)
def test_pages_fit_a_phone_and_a_wall(
    see: See, page: Page, content: Content, name: str, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    settled(see(address(name, content)))
    wide = page.evaluate(
        "[document.documentElement, document.querySelector('main')].map(e => e.scrollWidth)"
    )
    assert max(wide) <= width
    size = page.evaluate("parseFloat(getComputedStyle(document.body).fontSize)")
    assert size >= (14 if width == 400 else 17)


def test_stored_markup_is_text(see: See, content: Content) -> None:  # W7
    page = settled(see(f"/experiments/{content.experiment_id}?tab=table&flat=1"))
    expect(page.get_by_role("link", name=MARKUP)).to_be_visible()
    for tab in ("charts", "parallel", "scatter"):
        settled(see(f"/experiments/{content.experiment_id}?flat=1&tab={tab}"))
    page = settled(see(f"/runs/{content.edges}"))
    expect(page.get_by_role("heading", level=1)).to_have_text(MARKUP)
    settled(see(f"/compare?runs={content.edges},{content.parent}"))
    assert page.title() != "broken"
    assert page.locator("main script, main img").count() == 0


def test_no_inline_script_runs(see: See) -> None:
    page = settled(see("/"))
    page.evaluate(
        """async () => {
          const script = document.createElement("script");
          script.textContent = "document.title = 'broken'";
          document.body.append(script);
          const image = document.createElement("img");
          image.setAttribute("onerror", "document.title = 'broken'");
          const failed = new Promise((resolve) => image.addEventListener("error", resolve));
          image.src = "data:,";
          document.body.append(image);
          await failed;
        }"""
    )
    assert page.title() != "broken"


def test_the_page_of_the_api_makes_calls_under_its_policy(
    page: Page, server: ServerProcess
) -> None:
    told: list[str] = []
    page.on("console", lambda message: told.append(message.text))
    page.goto(f"{server.http}/openapi#/ExperimentService/GetExperiment")
    page.wait_for_load_state("networkidle")  # a click before the page is complete is lost
    call = page.locator("#operations-ExperimentService-GetExperiment")
    call.get_by_role("button", name="Try it out").click()
    call.get_by_placeholder("experiment_id").fill("0")
    call.get_by_role("button", name="Execute").click()
    expect(call.locator(".live-responses-table")).to_contain_text("mlflow-artifacts:/0")
    assert told == []


def test_the_table_is_used_by_keyboard(see: See, content: Content) -> None:
    page = see(f"/experiments/{content.experiment_id}?tab=table&sort=start_time")
    expect(page.locator(".row")).to_have_count(2)
    page.keyboard.press("/")
    expect(page.get_by_role("combobox", name="Filter runs")).to_be_focused()
    grid = page.get_by_role("treegrid")
    grid.focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".row")).to_have_count(7)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    expect(page.get_by_label("Select adam-0.3")).to_be_checked()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Shift+Space")
    expect(page.get_by_text("3 runs selected")).to_be_visible()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".row")).to_have_count(2)
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(MARKUP)


def test_every_control_of_a_page_is_reached_by_tab(see: See, content: Content) -> None:
    page = settled(see(address("table", content)))
    reached = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.add(
            page.evaluate("document.activeElement.ariaLabel || document.activeElement.innerText")
        )
    for name in ("Skip to content", "Dark", "Filter runs", "Columns", "Compare", "Runs", "Status"):
        assert any(name in text for text in reached), (name, reached)


def test_keys_are_told_and_dialogs_give_the_focus_back(see: See) -> None:
    page = settled(see("/"))
    button = page.get_by_role("button", name="New experiment")
    button.click()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(button).to_be_focused()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_contain_text("select the run")


def test_a_chosen_theme_stays(see: See, page: Page) -> None:
    page.emulate_media(color_scheme="light")
    see("/")
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.get_by_role("button", name="Dark").click()
    page.reload()
    expect(page.get_by_role("button", name="Light")).to_be_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != light


def test_mlflows_links_lead_to_the_same(see: See, content: Content) -> None:
    """MLflow's clients print such links after each run."""
    page = see(f"/experiments/{content.experiment_id}/runs/{content.parent}")
    expect(page.get_by_role("heading", level=1)).to_have_text("sweep")
    page.get_by_role("link", name=EXPERIMENT).click()
    expect(page).to_have_title(f"{EXPERIMENT} · Runstream")


@pytest.fixture
def followed(server: ServerProcess, page: Page) -> Iterator[tuple[TrackingClient, str]]:
    """A client, and a run whose table is in sight."""
    with TrackingClient(server.uri) as client:
        run = client.create_run("0", run_name="first").info.run_id
        page.goto(f"{server.http}/#/experiments/0?tab=table&columns=metrics.loss")
        expect(page.locator(".row .name a")).to_have_text(["first"])
        settled(page)  # what is needed next is loaded
        yield client, run


def test_a_lost_server_is_told_and_found_again(
    server: ServerProcess, page: Page, followed: tuple[TrackingClient, str]
) -> None:
    client, run = followed
    server.kill()
    expect(page.get_by_text("The server cannot be reached.")).to_be_visible()
    expect(page.locator(".row .name a")).to_have_text(["first"])  # what was there stays in sight
    page.get_by_label("Select first").check()
    delete_selected(page)
    expect(page.locator(".notice")).to_contain_text("The server cannot be reached.")
    server.restart()
    expect(page.get_by_text("What is shown may be old")).to_have_count(0, timeout=15_000)
    client.log_metric(run, "loss", 0.125)
    client.flush()
    expect(page.get_by_role("gridcell", name="0.125")).to_be_visible()
    client.create_run("0", run_name="second")
    expect(page.locator(".row .name a")).to_have_text(["second", "first"])


def test_a_server_that_is_not_there_at_first_is_waited_for(
    server: ServerProcess, page: Page
) -> None:
    page.goto(server.http)
    settled(page)
    server.kill()
    page.get_by_role("link", name="Default").click()
    expect(page.get_by_text("The server cannot be reached.").first).to_be_visible()
    server.restart()
    expect(page.get_by_role("heading", name="No runs yet")).to_be_visible(timeout=15_000)
    expect(page.get_by_text(re.compile("cannot be reached"))).to_have_count(0)
