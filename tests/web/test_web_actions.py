"""What can be done with runs in the table: each can be taken back."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from runstream import TrackingClient
from support.server_process import ServerProcess
from support.web_content import delete_selected


@pytest.fixture
def runs(server: ServerProcess, page: Page) -> dict[str, str]:
    """Three runs by name, and the table of them."""
    with TrackingClient(server.uri) as client:
        ids = {name: client.create_run("0", run_name=name).info.run_id for name in ("a", "b", "c")}
        client.set_tag(ids["a"], "team", "red")
    page.goto(f"{server.http}/#/experiments/0?tab=table&columns=tags.team&sort=run_name")
    return ids


def stored(server: ServerProcess, runs: dict[str, str]) -> list[tuple[str, str, str | None]]:
    """Name, stage and team of each run."""
    with TrackingClient(server.uri) as client:
        found = [client.get_run(run_id) for run_id in runs.values()]
    return [
        (run.info.run_name, run.info.lifecycle_stage, run.data.tags.get("team")) for run in found
    ]


def test_a_run_is_renamed_and_the_name_taken_back(
    server: ServerProcess, page: Page, runs: dict[str, str]
) -> None:
    page.get_by_label("Select b").check()
    page.get_by_role("button", name="Rename").click()
    page.get_by_label("Name", exact=True).fill("better")
    page.get_by_role("dialog").get_by_role("button", name="Rename").click()
    expect(page.locator(".row .name a")).to_have_text(["a", "better", "c"])
    assert stored(server, runs)[1][0] == "better"
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".row .name a")).to_have_text(["a", "b", "c"])
    assert stored(server, runs)[1][0] == "b"


def test_runs_are_tagged_and_the_tags_taken_back(
    server: ServerProcess, page: Page, runs: dict[str, str]
) -> None:
    page.get_by_label("Select a", exact=True).check()
    page.get_by_label("Select b").check()
    page.get_by_role("button", name="Tag").click()
    page.get_by_label("Key", exact=True).fill("team")
    page.get_by_label("Value", exact=True).fill("blue")
    page.get_by_role("button", name="Set tag").click()
    expect(page.get_by_role("gridcell", name="blue")).to_have_count(2)
    assert [team for _, _, team in stored(server, runs)] == ["blue", "blue", None]
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("gridcell", name="red")).to_have_count(1)
    expect(page.get_by_role("gridcell", name="blue")).to_have_count(0)
    assert [team for _, _, team in stored(server, runs)] == ["red", None, None]


def test_runs_that_are_selected_while_the_actions_are_loaded_are_all_selected(
    page: Page, runs: dict[str, str]
) -> None:
    held: list[Route] = []
    page.route("**/RunActions-*.js", lambda route: held.append(route))
    page.reload()
    for name in runs:
        page.get_by_label(f"Select {name}", exact=True).check()
    expect(page.locator(".row[aria-selected=true]")).to_have_count(3)
    expect(page.get_by_text("3 runs selected")).to_have_count(0)
    assert held
    for route in held:
        route.continue_()
    expect(page.get_by_text("3 runs selected")).to_be_visible()


def test_a_tag_is_removed_from_those_that_have_it_and_comes_back(
    server: ServerProcess, page: Page, runs: dict[str, str]
) -> None:
    with TrackingClient(server.uri) as client:
        client.set_tag(runs["b"], "team", "blue")
        client.set_tag(runs["c"], "team", "red")
        client.flush()
    for name in ("a", "b", "c"):
        page.get_by_label(f"Select {name}", exact=True).check()
    box = page.get_by_role("combobox", name="Filter runs")
    box.fill("run_name IN ('a', 'b')")
    box.press("Enter")
    expect(page.get_by_text("1 of them not in sight")).to_be_visible()
    page.get_by_role("button", name="Tag").click()
    dialog = page.get_by_role("dialog", name="Tag 2 runs")
    remove = dialog.get_by_role("button", name="Remove tag")
    dialog.get_by_label("Key").fill("tea")
    expect(dialog.get_by_role("status")).to_have_text("None of them has this tag.")
    expect(remove).to_be_disabled()
    dialog.get_by_label("Key").fill("team")
    expect(dialog.get_by_role("status")).to_have_text("2 of 2 runs have it: “red” (1), “blue” (1)")
    with page.expect_request("**/runs/tag") as asked:
        remove.click()
    sent: Any = asked.value.post_data_json
    assert set(sent["run_ids"]) == {runs["a"], runs["b"]}  # by one call
    expect(page.get_by_role("gridcell", name="blue")).to_have_count(0)
    assert [team for _, _, team in stored(server, runs)] == [None, None, "red"]
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("gridcell", name="blue")).to_have_count(1)
    assert [team for _, _, team in stored(server, runs)] == ["red", "blue", "red"]


def test_a_tag_that_breaks_a_rule_is_refused_where_it_was_typed(
    server: ServerProcess, page: Page, runs: dict[str, str]
) -> None:
    page.get_by_label("Select a", exact=True).check()
    page.get_by_role("button", name="Tag").click()
    page.get_by_label("Key", exact=True).fill("no/../way")
    page.get_by_role("button", name="Set tag").click()
    alert = page.get_by_role("dialog").get_by_role("alert")
    expect(alert).to_contain_text("no/../way")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert [team for _, _, team in stored(server, runs)] == ["red", None, None]


def test_runs_are_deleted_and_brought_back(
    server: ServerProcess, page: Page, runs: dict[str, str]
) -> None:
    page.get_by_label("Select a", exact=True).check()
    page.get_by_label("Select c").check()
    delete_selected(page)
    dialog = page.get_by_role("dialog", name="Delete 2 runs")
    expect(dialog).to_contain_text("Running: 2 of them.")
    dialog.get_by_role("button", name="Delete").click()
    expect(page.locator(".row .name a")).to_have_text(["b"])
    assert [stage for _, stage, _ in stored(server, runs)] == ["deleted", "active", "deleted"]
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".row .name a")).to_have_text(["a", "b", "c"])
    assert {stage for _, stage, _ in stored(server, runs)} == {"active"}


def test_deleted_runs_are_found_and_restored(
    server: ServerProcess, page: Page, runs: dict[str, str]
) -> None:
    with TrackingClient(server.uri) as client:
        client.delete_run(runs["b"])
    page.get_by_label("Which runs").select_option("Deleted")
    expect(page.locator(".row .name a")).to_have_text(["b"])
    page.get_by_label("Select b").check()
    page.get_by_role("button", name="Restore").click()
    expect(page.get_by_text("There are no deleted runs.")).to_be_visible()
    assert {stage for _, stage, _ in stored(server, runs)} == {"active"}


@pytest.mark.parametrize("page_of", ["table", "run"])
@pytest.mark.parametrize("with_children", [True, False])
def test_runs_are_deleted_with_their_child_runs_or_without(
    server: ServerProcess, page: Page, with_children: bool, page_of: str
) -> None:
    with TrackingClient(server.uri) as client:
        parent = client.create_run("0", run_name="parent").info.run_id
        ids = {"parent": parent, "other": client.create_run("0", run_name="other").info.run_id}
        for name, above in (("child", "parent"), ("grandchild", "child")):
            tags = {"mlflow.parentRunId": ids[above]}
            ids[name] = client.create_run("0", run_name=name, tags=tags).info.run_id

    def stages() -> list[str]:
        return [stage for _, stage, _ in stored(server, ids)]

    if page_of == "table":
        page.goto(f"{server.http}/#/experiments/0?tab=table&columns=status")
        page.get_by_label("Select parent").check()
        delete_selected(page)
    else:
        page.goto(f"{server.http}/#/runs/{parent}")
        page.get_by_role("button", name="More about this run").click()
        page.get_by_role("menuitem", name="Delete").click()
    dialog = page.get_by_role("dialog", name="Delete 1 run")
    expect(dialog).to_contain_text("1 child run")
    how = "with" if with_children else "without"
    dialog.get_by_role("button", name=f"Delete {how} child runs").click()
    expect(page.get_by_role("button", name="Undo")).to_be_visible()
    also = "deleted" if with_children else "active"
    assert stages() == ["deleted", "active", also, also]
    page.get_by_role("button", name="Undo").click()
    if page_of == "table":
        expect(page.locator(".row .name a")).to_have_text(["other", "parent"])
    else:
        expect(page.get_by_role("button", name="More about this run")).to_be_visible()
    assert stages() == ["active"] * 4


def test_selected_runs_that_are_not_in_sight_are_left_alone_unless_somebody_says_so(
    server: ServerProcess, page: Page, runs: dict[str, str]
) -> None:
    page.get_by_label("Select a", exact=True).check()
    page.get_by_label("Select b").check()
    box = page.get_by_role("combobox", name="Filter runs")
    box.fill("run_name IN ('b', 'c')")
    box.press("Enter")
    expect(page.get_by_text("1 of them not in sight")).to_be_visible()
    delete_selected(page)
    page.get_by_role("dialog", name="Delete 1 run").get_by_role("button", name="Delete").click()
    expect(page.locator(".row .name a")).to_have_text(["c"])
    assert [stage for _, stage, _ in stored(server, runs)] == ["active", "deleted", "active"]
    expect(page.get_by_text("1 run selected")).to_be_visible()  # a is still
    expect(page.get_by_role("button", name="Tag")).to_be_disabled()
    page.get_by_label("act on them, too").check()
    delete_selected(page)
    page.get_by_role("dialog", name="Delete 1 run").get_by_role("button", name="Delete").click()
    expect(page.get_by_text("1 run selected")).to_have_count(0)
    assert [stage for _, stage, _ in stored(server, runs)] == ["deleted", "deleted", "active"]


def test_what_is_confirmed_is_about_the_runs_of_the_question(
    server: ServerProcess, page: Page, runs: dict[str, str]
) -> None:
    address = (
        f"{server.http}/#/experiments/0?tab=table&columns=tags.team&sort=run_name"
        f"&filter=run_name IN ('a', 'b')&selected={','.join(runs.values())}"
    )
    names = page.locator(".row .name a")
    more = page.get_by_role("button", name="More actions")
    with TrackingClient(server.uri) as client:
        other = client.create_experiment("other")

        def ask(what: str) -> None:
            page.goto("about:blank")
            page.goto(address)
            page.get_by_label("act on them, too").check()
            if what == "Tag":
                page.get_by_role("button", name="Tag").click()
            else:
                more.click()
                page.get_by_role("menuitem", name=what).click()
            dialog = page.get_by_role("dialog", name=f"{what} 3 runs")
            expect(dialog).to_be_visible()
            # What is in sight changes, and with it what the next question would be about.
            client.delete_run(runs["b"])
            expect(names).to_have_text(["a"])
            client.restore_run(runs["b"])
            expect(page.get_by_label("act on them, too")).not_to_be_checked()
            expect(dialog).to_be_visible()

        ask("Tag")
        page.get_by_label("Key", exact=True).fill("team")
        page.get_by_label("Value", exact=True).fill("blue")
        page.get_by_role("button", name="Set tag").click()
        expect(page.get_by_text("Tagged 3 runs")).to_be_visible()
        assert [team for _, _, team in stored(server, runs)] == ["blue"] * 3
        ask("Delete")
        page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        expect(page.get_by_text("Deleted 3 runs")).to_be_visible()
        assert [stage for _, stage, _ in stored(server, runs)] == ["deleted"] * 3
        page.get_by_role("button", name="Undo").click()
        expect(names).to_have_text(["a", "b"])
        ask("Move")
        page.get_by_role("radio", name="other").check()
        page.get_by_role("dialog").get_by_role("button", name="Move").click()
        expect(page.get_by_text("Moved 3 runs to other")).to_be_visible()
        places = {client.get_run(run_id).info.experiment_id for run_id in runs.values()}
        assert places == {other}


@pytest.mark.usefixtures("runs")
def test_what_ends_after_its_dialog_was_closed_leaves_the_next_one_open(page: Page) -> None:
    held: list[Route] = []
    page.route("**/runs/tag", lambda route: held.append(route))
    page.get_by_label("Select a", exact=True).check()
    page.get_by_role("button", name="Tag").click()
    page.get_by_label("Key", exact=True).fill("team")
    page.get_by_label("Value", exact=True).fill("blue")
    with page.expect_request("**/runs/tag"):
        page.get_by_role("button", name="Set tag").click()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.get_by_role("button", name="Rename").click()
    held[0].continue_()
    expect(page.get_by_text("Tagged 1 run")).to_be_visible()
    expect(page.get_by_role("dialog", name="Rename a")).to_be_visible()
