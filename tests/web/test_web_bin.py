"""The bin is emptied for good, once it was said what that removes."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, Route, expect

from runstream import NotFound, TrackingClient
from runstream.v1.access_service_pb2 import GrantRole, SetGrantRequest
from runstream.v1.experiment_purge_pb2 import PurgeExperimentRequest
from support.access import connect_with_token
from support.api import Api
from support.purging import REMOVES_SLOWLY, create_runs_of_pieces, delete_runs
from support.server_process import ServerProcess
from support.waiting import wait_until


def fill(client: TrackingClient, experiment_id: str) -> dict[str, str]:
    """Create deleted runs, one with a child run, points and files, and one that stays."""
    ids: dict[str, str] = {}
    for name in ("kept", "parent", "child", "other"):
        tags = {"mlflow.parentRunId": ids["parent"]} if name == "child" else {}
        run = client.create_run(experiment_id, run_name=name, tags=tags).info.run_id
        for step in range(5):
            client.log_metric(run, "loss", 0.5, step=step)
        client.log_text(run, f"text of {name}", "note.txt")
        ids[name] = run
    client.flush()
    client.delete_run(ids["parent"], with_children=True)
    client.delete_run(ids["other"])
    return ids


def is_there(client: TrackingClient, run_id: str) -> bool:
    try:
        client.get_run(run_id)
    except NotFound:
        return False
    return True


def test_deleted_runs_are_removed_for_good_the_selected_ones_and_then_all(
    server: ServerProcess, page: Page
) -> None:
    with TrackingClient(server.uri) as client:
        ids = fill(client, "0")
        client.create_run(client.create_experiment("later"))
        page.goto(f"{server.http}/#/experiments/0?tab=table&stage=deleted&sort=run_name")
        names = page.locator(".row .name a")
        expect(names).to_have_text(["other", "parent"])
        page.get_by_label("Select parent").check()
        page.get_by_role("button", name="More actions").click()
        page.get_by_role("menuitem", name="Delete 1 run for good").click()
        dialog = page.get_by_role("dialog", name="Delete 1 run for good")
        expect(dialog).to_contain_text(re.compile("Runs2, 1 child run among them"))
        expect(dialog).to_contain_text("Points10")
        expect(dialog).to_contain_text("2, 27 B")  # "text of parent", "text of child"
        button = dialog.get_by_role("button", name="Delete for good")
        expect(button).to_be_disabled()
        page.keyboard.press("Escape")
        expect(dialog).to_have_count(0)
        assert all(is_there(client, run_id) for run_id in ids.values())
        page.get_by_role("button", name="More actions").click()
        page.get_by_role("menuitem", name="Delete 1 run for good").click()
        expect(dialog).to_contain_text("Points10")
        dialog.get_by_label("Type “delete”").fill("delete")
        other = ids["other"]
        client.restore_run(ids["parent"])  # by somebody else, so nothing of it is left
        expect(names).to_have_text(["other"])
        expect(dialog).to_have_count(1)
        button.click()
        expect(dialog.get_by_role("alert")).to_contain_text("is active")
        assert is_there(client, other)
        client.delete_run(ids["parent"], with_children=True)
        dialog.get_by_label("Type “delete”").fill("delete")
        button.click()
        expect(page.get_by_text("Removed for good: 2 runs, 10 points, 2 files")).to_be_visible()
        expect(names).to_have_text(["other"])
        there = [is_there(client, ids[name]) for name in ("kept", "parent", "child", "other")]
        assert there == [True, False, False, True]
        page.get_by_role("button", name="Empty the bin").click()
        dialog = page.get_by_role("dialog", name="Delete all deleted runs for good")
        expect(dialog).to_contain_text("Points5")
        dialog.get_by_label("Type “delete”").fill("delete")
        page.keyboard.press("Enter")
        expect(page.get_by_text("There are no deleted runs.")).to_be_visible()
        assert not is_there(client, ids["other"])
        assert is_there(client, ids["kept"])


def test_a_removal_that_was_stopped_leaves_the_dialog_open_that_is_opened_again(
    server: ServerProcess, page: Page
) -> None:
    held: list[Route] = []

    def hold(route: Route) -> None:
        asked: Any = route.request.post_data_json
        if asked["dry_run"]:
            route.continue_()
        else:
            held.append(route)

    with TrackingClient(server.uri) as client:
        ids = fill(client, "0")
        page.route("**/experiments/purge", hold)
        page.goto(f"{server.http}/#/experiments/0?tab=table&stage=deleted")
        page.get_by_role("button", name="Empty the bin").click()
        dialog = page.get_by_role("dialog", name="Delete all deleted runs for good")
        expect(dialog).to_contain_text("Runs3")
        dialog.get_by_label("Type “delete”").fill("delete")
        with page.expect_request("**/experiments/purge"):
            page.keyboard.press("Enter")
        dialog.get_by_role("button", name="Stop").click()
        expect(dialog).to_have_count(0)
        expect(page.get_by_role("button", name="Empty the bin")).to_be_focused()
        page.keyboard.press("Enter")
        expect(dialog).to_contain_text("Runs3")
        held[0].continue_()
        expect(page.get_by_text("There are no deleted runs.")).to_be_visible()
        expect(dialog).to_be_visible()
        expect(page.get_by_text("Removed for good")).to_have_count(0)
        assert not is_there(client, ids["other"])


def test_what_a_page_that_was_closed_has_left_goes_by_the_next_emptying(  # E6
    tmp_path: Path, context: BrowserContext, connect: Callable[[str], Api]
) -> None:
    server = ServerProcess(
        tmp_path / "runs.db", {"RUNSTREAM_HTTP_PORT": "0"}, program=("-c", REMOVES_SLOWLY)
    )
    api = connect(server.address)
    runs = create_runs_of_pieces(api, 10, 10_000)
    delete_runs(api, *runs)
    api.create_run()

    def files() -> int:
        ((count,),) = server.query("SELECT count(*) FROM artifact")
        return int(count)

    def open_dialog() -> tuple[Page, Locator]:
        page = context.new_page()
        page.goto(f"{server.http}/#/experiments/0?tab=table&stage=deleted")
        page.get_by_role("button", name="Empty the bin").click()
        dialog = page.get_by_role("dialog", name="Delete all deleted runs for good")
        dialog.get_by_label("Type “delete”").fill("delete")
        return page, dialog

    page, dialog = open_dialog()
    expect(dialog).to_contain_text("Points100,000")
    dialog.get_by_role("button", name="Delete for good").click()
    wait_until(lambda: files() < len(runs), 20)
    page.close()
    unused = "SELECT count(*) FROM blob WHERE id NOT IN (SELECT blob_id FROM artifact)"
    wait_until(lambda: server.query(unused) == [(0,)], 20)
    left = files()
    assert left > 0
    page, dialog = open_dialog()
    expect(page.get_by_text("There are no deleted runs.")).to_be_visible()
    expect(dialog).to_contain_text(f"Runs0Points{count_deleted_points(api):,}")
    expect(dialog).to_contain_text(f"{left}, ")
    dialog.get_by_role("button", name="Delete for good").click()
    expect(
        page.get_by_text(re.compile(f"Removed for good: 0 runs, .*, {left} files?"))
    ).to_be_visible()
    assert files() == 0
    server.stop()


def count_deleted_points(api: Api) -> int:
    request = PurgeExperimentRequest(experiment_id="0", dry_run=True)
    return int(api.maintenance.PurgeExperiment(request).points)


def test_a_deleted_experiment_is_removed_for_good(server: ServerProcess, page: Page) -> None:
    with TrackingClient(server.uri) as client:
        gone = client.create_experiment("gone")
        fill(client, gone)
        client.delete_experiment(gone)
        client.create_experiment("newer")
        page.goto(f"{server.http}/#/?view=deleted")
        page.get_by_role("button", name="Actions for gone").click()
        page.get_by_role("menuitem", name="Delete for good").click()
        dialog = page.get_by_role("dialog", name="Delete gone for good")
        expect(dialog).to_contain_text("The experiment gone goes with all that is in it")
        expect(dialog).to_contain_text("Runs4")
        dialog.get_by_label("Type “delete”").fill("Delete")
        dialog.get_by_role("button", name="Delete for good").click()
        expect(page.get_by_role("link", name="gone")).to_have_count(0)
        expect(dialog).to_have_count(0)
        with pytest.raises(NotFound):
            client.get_experiment(gone)
        assert client.create_experiment("gone")


def test_who_does_not_own_an_experiment_is_not_offered_to_empty_its_bin(
    server: ServerProcess, page: Page, sign_in: Callable[[str], None], tokens: dict[str, str]
) -> None:
    with connect_with_token(server.address, tokens["ada"]) as ada:
        experiment = ada.create_experiment("of Ada")
        run_id = ada.create_run(experiment)
        grant = SetGrantRequest(
            experiment_id=experiment, grantee="user:eve", role=GrantRole.GRANT_ROLE_WRITER
        )
        ada.access.SetGrant(grant)
    with TrackingClient(server.uri, token=tokens["ada"]) as client:
        client.delete_run(run_id)
    address = f"{server.http}/#/experiments/{experiment}?tab=table&stage=deleted"
    for name, offered in (("eve", 0), ("ada", 1)):
        sign_in(name)
        page.goto(address)
        page.locator(".row").get_by_role("checkbox").first.check()
        expect(page.get_by_role("button", name="Restore")).to_be_enabled()
        expect(page.get_by_role("button", name="More actions")).to_have_count(offered)
        expect(page.get_by_role("button", name="Empty the bin")).to_have_count(offered)
