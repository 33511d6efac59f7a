"""What runs that are compared differ in: against a baseline, in texts, and in their programs."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Page, expect

from runstream import TrackingClient
from support.server_process import ServerProcess

MARKUP = "<img src=x onerror=\"document.title='broken'\">"
PROMPT = "You answer questions about trains.\nBe {} in every answer that you give to a reader.\n"
DIFF = """\
diff --git a/model.py b/model.py
--- a/model.py
+++ b/model.py
@@ -1 +1 @@
-    return x
+    return {} * x
"""


@pytest.fixture
def compared(server: ServerProcess, page: Page) -> list[str]:
    """Three runs, in the order of the columns; the page that compares them is open."""
    with TrackingClient(server.uri) as client:
        ids = [client.create_run("0", run_name=f"r{i}").info.run_id for i in range(3)]
        for i, run in enumerate(ids):
            client.log_metric(run, "loss", 0.5 - 0.1 * i)
            client.log_param(run, "lr", f"0.{i}")
            client.log_param(run, "prompt", PROMPT.format(["brief", "polite", "brief"][i]))
            client.log_text(run, f"epochs: {i}\n{MARKUP}\n", "config.yaml")
            program = {"host": "trainer-7", "packages": {"numpy": "2.1.0", "torch": f"2.{i}.0"}}
            client.log_text(run, json.dumps(program), "source/program.json")
            client.log_text(run, DIFF.format(i + 2), "source/changes.diff")
    page.goto(f"{server.http}/#/compare?runs={','.join(ids)}")
    return ids


def test_values_are_told_against_a_baseline_that_the_address_has(
    compared: list[str], page: Page
) -> None:
    heads = page.get_by_role("columnheader")
    expect(heads).to_have_text(["r0", "r1", "r2"])
    expect(page.locator(".delta")).to_have_count(0)
    page.get_by_label("Baseline").select_option("r1")
    expect(heads).to_have_text(["r1baseline", "r0", "r2"])
    assert f"baseline={compared[1]}" in page.url
    page.reload()
    deltas = page.get_by_role("row", name="loss").locator(".delta")
    expect(deltas).to_have_text(["+0.1 (+25 %)", "−0.1 (−25 %)"])
    # Of a loss less is better, until somebody turns it round.
    expect(deltas.last).to_have_class("delta better")
    page.get_by_role("button", name="loss: less is better; turn round").click()
    expect(deltas.last).to_have_class("delta worse")


@pytest.mark.usefixtures("compared")
def test_rows_are_found_by_names_and_values(page: Page) -> None:
    search = page.get_by_label("Search rows")
    search.fill("LR")
    expect(page.get_by_role("row", name="lr")).to_have_count(1)
    expect(page.get_by_role("row", name="loss")).to_have_count(0)
    search.fill("polite")  # which one of the prompts says
    expect(page.get_by_role("row", name="prompt")).to_have_count(1)
    expect(page.get_by_role("row", name="lr")).to_have_count(0)
    assert "search=polite" in page.url
    search.fill("")
    expect(page.get_by_role("row", name="loss")).to_have_count(1)


@pytest.mark.usefixtures("compared")
def test_long_texts_and_files_show_what_they_differ_in(page: Page) -> None:
    page.get_by_role("button", name="Differences of prompt").click()
    dialog = page.get_by_role("dialog", name="prompt")
    expect(dialog.locator("del")).to_contain_text("brief")
    expect(dialog.locator("ins")).to_contain_text("polite")
    expect(dialog.locator(".diff")).to_contain_text("trains")
    dialog.get_by_label("After").select_option("r2")
    expect(dialog.get_by_text("Both are the same.")).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    page.get_by_role("tab", name="Artifacts").click()
    page.get_by_role("button", name="Differences of config.yaml").click()
    dialog = page.get_by_role("dialog", name="config.yaml")
    expect(dialog.locator("del")).to_contain_text("0")
    expect(dialog.locator("ins")).to_contain_text("1")
    # What a run stored is text, whatever it is.
    expect(dialog.locator(".diff")).to_contain_text(MARKUP)
    expect(dialog.locator("img")).to_have_count(0)


@pytest.mark.usefixtures("compared")
def test_programs_show_the_packages_and_changes_that_differ(page: Page) -> None:
    page.get_by_role("tab", name="Code").click()
    table = page.get_by_role("region", name="Differing programs and environments")
    expect(table.locator("tbody th")).to_have_text(["package torch"])  # and not numpy, nor host
    expect(table.locator("tbody td")).to_have_text(["2.0.0", "2.1.0", "2.2.0"])
    changes = page.get_by_role("region", name="Differences of the code")
    expect(changes.locator("del")).to_contain_text("2")
    expect(changes.locator("ins")).to_contain_text("3")
    page.get_by_label("After").select_option("r2")
    expect(changes.locator("ins")).to_contain_text("4")
