"""The notes of a run."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Dialog, Page, expect

from runstream import TrackingClient
from support.server_process import ServerProcess
from support.web_content import Content

See = Callable[[str], Page]


def test_notes_are_markdown_that_can_do_nothing(see: See, content: Content) -> None:
    page = see(f"/runs/{content.parent}")
    notes = page.locator("div.notes")
    expect(notes.get_by_role("heading", name="Findings")).to_be_visible()
    expect(notes.locator("strong")).to_have_text("best")
    expect(notes.get_by_role("cell").first).to_have_text("0.3")
    assert notes.locator("script, [onerror], [style], form").count() == 0
    link = notes.get_by_text("a link")
    assert link.get_attribute("href") is None
    link.click()
    expect(page).to_have_title("sweep · Runstream")


def test_notes_are_written_in_place(server: ServerProcess, page: Page) -> None:
    with TrackingClient(server.uri) as client:
        run = client.create_run("0").info.run_id
        page.goto(f"{server.http}/#/runs/{run}")
        page.get_by_role("button", name="Write notes").click()
        field = page.get_by_role("textbox", name="Notes, in markdown")
        expect(field).to_be_focused()
        field.fill("# Good\n\n- one")
        field.press("Control+Enter")
        expect(page.get_by_role("heading", name="Good")).to_be_visible()
        assert client.get_run(run).data.tags["mlflow.note.content"] == "# Good\n\n- one"
        page.get_by_role("button", name="Edit notes").click()
        field.fill("x" * 70_000)
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("alert")).to_contain_text("65536")
        expect(field).to_have_value("x" * 70_000)  # nothing typed is lost
        field.press("Escape")
        expect(field).to_be_visible()
        page.get_by_role("button", name="Cancel").click()
        expect(page.get_by_role("heading", name="Good")).to_be_visible()


def test_notes_that_somebody_else_changed_are_not_replaced_unknowingly(
    server: ServerProcess, page: Page
) -> None:
    with TrackingClient(server.uri) as client:
        run = client.create_run("0").info.run_id
        page.goto(f"{server.http}/#/runs/{run}")
        page.get_by_role("button", name="Write notes").click()
        page.get_by_role("textbox", name="Notes, in markdown").fill("mine")
        expect(page.get_by_role("alert")).to_have_count(0)
        client.set_tag(run, "mlflow.note.content", "theirs")
        expect(page.get_by_role("alert")).to_contain_text("Somebody else changed these notes")
        assert client.get_run(run).data.tags["mlflow.note.content"] == "theirs"
        page.get_by_role("button", name="Save").click()
        expect(page.locator("div.notes")).to_have_text("mine")


def test_notes_that_are_not_saved_are_found_again(server: ServerProcess, page: Page) -> None:
    warned: list[str] = []

    def leave(dialog: Dialog) -> None:
        warned.append(dialog.type)
        dialog.accept()

    page.on("dialog", leave)
    with TrackingClient(server.uri) as client:
        parent = client.create_run("0", run_name="study").info.run_id
        tags = {"mlflow.parentRunId": parent}
        run = client.create_run("0", run_name="trial", tags=tags).info.run_id
        field = page.get_by_role("textbox", name="Notes, in markdown")
        page.goto(f"{server.http}/#/runs/{run}")
        page.get_by_role("button", name="Write notes").click()
        field.press_sequentially("half a thought")
        # Another run has notes of its own.
        page.get_by_role("link", name="study").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("study")
        expect(field).to_have_count(0)
        expect(page.locator(".notice")).to_contain_text("The notes of trial are not saved")
        page.go_back()
        expect(field).to_have_value("half a thought")
        expect(page.get_by_text("is not saved yet")).to_be_visible()
        assert warned == []
        page.reload()
        assert warned == ["beforeunload"]
        expect(field).to_have_value("half a thought")
        page.get_by_role("button", name="Save").click()
        expect(page.locator("div.notes")).to_have_text("half a thought")
        page.reload()
        expect(page.locator("div.notes")).to_have_text("half a thought")
        expect(field).to_have_count(0)
        assert warned == ["beforeunload"]
        assert "mlflow.note.content" not in client.get_run(parent).data.tags
