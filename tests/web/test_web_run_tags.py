"""The tags of a run, changed on its page."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from runstream import TrackingClient
from support.server_process import ServerProcess


def test_tags_are_set_changed_and_removed_in_place(server: ServerProcess, page: Page) -> None:
    with TrackingClient(server.uri) as client:
        run = client.create_run("0", tags={"stage": "draft"}).info.run_id
        page.goto(f"{server.http}/#/runs/{run}")
        tags = page.get_by_role("region", name="Tags")
        expect(tags.get_by_role("rowheader")).to_have_text(["stage", "mlflow.runName"])
        page.get_by_label("Key of a new tag").fill("team")
        page.get_by_label("Value of a new tag").fill("vision")
        page.keyboard.press("Enter")
        expect(tags.get_by_role("row", name="team")).to_contain_text("vision")
        expect(page.get_by_label("Key of a new tag")).to_be_focused()

        page.get_by_role("button", name="Edit tag stage").click()
        field = page.get_by_label("Value of stage")
        expect(field).to_be_focused()
        field.fill("final")
        client.log_metric(run, "loss", 1.0)  # what comes meanwhile leaves the field alone
        client.flush()
        expect(page.get_by_role("region", name="Metrics")).to_contain_text("loss")
        field.press("Enter")
        expect(field).to_have_count(0)
        expect(tags.get_by_role("row", name="stage")).to_contain_text("final")
        assert client.get_run(run).data.tags["stage"] == "final"

        page.get_by_role("button", name="Edit tag stage").click()
        field.fill("x" * 70_000)
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("alert")).to_contain_text("65536")
        field.press("Escape")
        expect(tags.get_by_role("row", name="stage")).to_contain_text("final")

        page.get_by_role("button", name="Remove tag stage").click()
        expect(tags.get_by_role("rowheader", name="stage")).to_have_count(0)
        assert "stage" not in client.get_run(run).data.tags
        page.get_by_role("button", name="Undo").click()
        expect(tags.get_by_role("row", name="stage")).to_contain_text("final")
        # The name is changed at the head of the page; params are never changed.
        expect(page.get_by_role("button", name="Edit tag mlflow.runName")).to_have_count(0)
