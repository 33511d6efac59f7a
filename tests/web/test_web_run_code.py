"""The program of a run: its commit, changes and environment."""

from __future__ import annotations

import json

from playwright.sync_api import Page, expect

from runstream import TrackingClient
from support.server_process import ServerProcess

DIFF = """\
diff --git a/src/model.py b/src/model.py
index 1111111..2222222 100644
--- a/src/model.py
+++ b/src/model.py
@@ -1,2 +1,3 @@
 def forward(x):
-    return x
+    y = 2 * x
+    return y
diff --git a/README.md b/README.md
--- a/README.md
+++ b/README.md
@@ -1 +1 @@
-old
+<img src=x onerror="document.title='broken'">
"""
PROGRAM = {
    "script": "/home/ada/train.py",
    "arguments": ["--lr", "0.1"],
    "host": "trainer-7",
    "git": {"commit": "9f3c1e7", "branch": "main", "changed": ["src/model.py", "README.md"]},
    "python": "3.11.4",
    "packages": {"numpy": "2.1.0", "torch": "2.5.1"},
}


def test_commit_changes_and_environment_are_shown(server: ServerProcess, page: Page) -> None:
    with TrackingClient(server.uri) as client:
        run = client.create_run("0").info.run_id
        client.log_text(run, json.dumps(PROGRAM), "source/program.json")
        client.log_text(run, DIFF, "source/changes.diff")
    page.goto(f"{server.http}/#/runs/{run}")
    page.get_by_role("tab", name="Code").click()
    facts = page.locator(".facts")
    for text in ("/home/ada/train.py", "trainer-7", "9f3c1e7", "main", "3.11.4"):
        expect(facts).to_contain_text(text)
    packages = page.get_by_role("region", name="Packages").get_by_role("row")
    expect(packages).to_have_text(["PackageVersion", "numpy2.1.0", "torch2.5.1"])
    changes = page.locator("details.change")
    expect(changes.locator("summary")).to_have_text(["src/model.py +2 −1", "README.md +1 −1"])
    expect(changes.first.locator(".hljs-addition")).to_have_text(
        ["+    y = 2 * x", "+    return y"]
    )
    expect(changes.first.locator(".hljs-deletion")).to_have_text("-    return x")
    assert page.title() != "broken"


def test_what_keeps_no_source_or_a_broken_one_says_so(server: ServerProcess, page: Page) -> None:
    with TrackingClient(server.uri) as client:
        tags = {"mlflow.source.git.commit": "9f3c1e7"}
        none = client.create_run("0", tags=tags).info.run_id
        odd = client.create_run("0").info.run_id
        client.log_text(
            odd, '{"git": 7, "packages": ["a"], "script": {"b": 1', "source/program.json"
        )
    page.goto(f"{server.http}/#/runs/{none}?tab=code")
    expect(page.locator(".facts")).to_contain_text("9f3c1e7")
    expect(page.get_by_role("heading", name="Nothing else is kept")).to_be_visible()
    page.goto(f"{server.http}/#/runs/{odd}?tab=code")
    expect(page.get_by_role("heading", name="Program")).to_be_visible()
    expect(page.get_by_text("None.")).to_have_count(2)
