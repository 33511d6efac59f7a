"""Runs are copied to another experiment, from the table and from their page (R11)."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from runstream import TrackingClient
from support.server_process import ServerProcess


def choose(page: Page, name: str) -> None:
    """Choose an experiment in the dialog, and copy to it."""
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("searchbox").fill(name)
    dialog.get_by_role("radio", name=name).check()
    dialog.get_by_role("button", name="Copy").click()


def test_selected_runs_are_copied_with_child_runs_and_undone(
    server: ServerProcess, page: Page
) -> None:
    with TrackingClient(server.uri) as client:
        target = client.create_experiment("the target")
        study = client.create_run("0", run_name="study").info.run_id
        tags = {"mlflow.parentRunId": study}
        trial = client.create_run("0", run_name="trial", tags=tags).info.run_id
        client.log_metric(study, "loss", 0.5)
        page.goto(f"{server.http}/#/experiments/0?tab=table&columns=status")
        page.get_by_label("Select study").check()
        page.get_by_role("button", name="More actions").click()
        page.get_by_role("menuitem", name="Copy").click()
        dialog = page.get_by_role("dialog", name="Copy 1 run to another experiment")
        expect(dialog).to_contain_text("It is running. Runs are copied once they have ended")
        expect(dialog).to_contain_text("1 child run")
        choose(page, "the target")
        expect(page.get_by_text("goes on: it is copied once it has ended")).to_be_visible()
        for run_id in (study, trial):
            client.set_terminated(run_id)
        page.get_by_role("button", name="More actions").click()
        page.get_by_role("menuitem", name="Copy").click()
        choose(page, "the target")
        expect(page.get_by_text("Copied 2 runs to the target")).to_be_visible()
        copied = {run.info.run_name: run for run in client.search_runs([target])}
        assert set(copied) == {"study", "trial"}
        assert copied["study"].data.metrics == {"loss": 0.5}
        assert len(list(client.search_runs(["0"]))) == 2
        other = page.context.new_page()
        other.goto(f"{server.http}/#/experiments/{target}?tab=table&columns=status")
        names = other.locator(".row .name a")
        expect(names).to_have_text(["study"])  # its child run is folded
        page.get_by_role("button", name="Undo").click()
        expect(names).to_have_count(0)


def test_a_run_is_copied_from_its_page(server: ServerProcess, page: Page) -> None:
    with TrackingClient(server.uri) as client:
        target = client.create_experiment("the target")
        run_id = client.create_run("0", run_name="a").info.run_id
        client.set_terminated(run_id)
        page.goto(f"{server.http}/#/runs/{run_id}")
        page.get_by_role("button", name="More about this run").click()
        page.get_by_role("menuitem", name="Copy").click()
        choose(page, "the target")
        expect(page.get_by_text("Copied 1 run to the target")).to_be_visible()
        (copied,) = client.search_runs([target])
        assert copied.data.tags["runstream.copied_from"] == run_id
