"""Runs are moved to another experiment, from the table and from their page."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from runstream import TrackingClient
from support.server_process import ServerProcess


def choose(page: Page, name: str) -> None:
    """Choose an experiment in the dialog, and move to it."""
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("searchbox").fill(name)
    dialog.get_by_role("radio", name=name).check()
    dialog.get_by_role("button", name="Move").click()


def test_runs_are_moved_with_child_runs_and_back_and_both_pages_follow(
    server: ServerProcess, page: Page
) -> None:
    with TrackingClient(server.uri) as client:
        for number in range(60):
            client.create_experiment(f"filler {number}")
        target = client.create_experiment("the target")
        client.delete_experiment(client.create_experiment("the target of before"))
        ids = {name: client.create_run("0", run_name=name).info.run_id for name in ("a", "b", "c")}
        tags = {"mlflow.parentRunId": ids["a"]}
        ids["child"] = client.create_run("0", run_name="child", tags=tags).info.run_id

        def places() -> dict[str, str]:
            return {name: client.get_run(each).info.experiment_id for name, each in ids.items()}

        other = page.context.new_page()
        other.goto(f"{server.http}/#/experiments/{target}?tab=table&columns=status")
        expect(other.get_by_role("region", name="Log a first run")).to_be_visible()
        page.goto(f"{server.http}/#/experiments/0?tab=table&columns=status&sort=run_name")
        names, moved = (each.locator(".row .name a") for each in (page, other))
        page.get_by_label("Select a", exact=True).check()
        page.get_by_label("Select b").check()
        box = page.get_by_role("combobox", name="Filter runs")
        box.fill("run_name IN ('a', 'c')")
        box.press("Enter")
        expect(page.get_by_text("1 of them not in sight")).to_be_visible()
        page.get_by_role("button", name="More actions").click()
        page.get_by_role("menuitem", name="Move").click()
        dialog = page.get_by_role("dialog", name="Move 1 run to another experiment")
        expect(dialog).to_contain_text("It is running. Its training goes on")
        expect(dialog).to_contain_text("1 child run")
        expect(dialog.get_by_role("radio")).to_have_count(50)
        expect(dialog).to_contain_text("There are more")
        expect(dialog.get_by_role("button", name="Move")).to_be_disabled()
        dialog.get_by_role("searchbox").fill("the target")
        expect(dialog.get_by_role("radio")).to_have_count(1)
        choose(page, "the target")
        expect(names).to_have_text(["c"])
        expect(moved).to_have_text(["a"])  # its child run is folded
        assert places() == {"a": target, "child": target, "b": "0", "c": "0"}
        expect(page.get_by_text("1 run selected")).to_be_visible()  # b was not in sight
        client.log_metric(ids["a"], "loss", 0.5)
        client.flush()
        page.get_by_role("button", name="Undo").click()
        expect(names).to_have_text(["a", "c"])
        expect(moved).to_have_count(0)
        assert set(places().values()) == {"0"}
        assert client.get_run(ids["a"]).data.metrics == {"loss": 0.5}


def test_the_menu_of_selected_runs_stays_on_the_screen_of_a_phone(
    server: ServerProcess, page: Page
) -> None:
    with TrackingClient(server.uri) as client:
        client.create_run("0", run_name="a")
    page.set_viewport_size({"width": 400, "height": 800})
    page.goto(f"{server.http}/#/experiments/0?tab=table&columns=status")
    page.get_by_label("Select a", exact=True).check()
    page.get_by_role("button", name="More actions").click()
    for item in page.get_by_role("menuitem").all():
        box = item.bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 400


def test_a_run_is_moved_from_its_page_by_the_keyboard(server: ServerProcess, page: Page) -> None:
    with TrackingClient(server.uri) as client:
        target = client.create_experiment("the target")
        run_id = client.create_run("0", run_name="a").info.run_id
        page.goto(f"{server.http}/#/runs/{run_id}")
        crumbs = page.get_by_role("navigation", name="Breadcrumb")
        expect(crumbs).to_contain_text("Default")
        page.get_by_role("button", name="More about this run").focus()
        page.keyboard.press("Enter")
        page.get_by_role("menuitem", name="Move").focus()
        page.keyboard.press("Enter")
        dialog = page.get_by_role("dialog", name="Move 1 run")
        dialog.get_by_role("searchbox").focus()
        page.keyboard.type("target")
        expect(dialog.get_by_role("radio")).to_have_count(1)
        page.keyboard.press("Tab")
        page.keyboard.press("Space")
        page.keyboard.press("Enter")
        expect(crumbs).to_contain_text("the target")
        assert client.get_run(run_id).info.experiment_id == target
        client.move_runs([run_id], "0")  # by somebody else
        expect(crumbs).to_contain_text("Default")
