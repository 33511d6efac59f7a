"""What somebody stored does not stop the page: it is shown in part, or plain."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from runstream import TrackingClient
from support.server_process import ServerProcess

#: The longest time without a turn of the page's event loop, since the page was opened.
LONGEST_STOP = """
window.longestStop = 0;
let before = performance.now();
setInterval(() => {
  const now = performance.now();
  window.longestStop = Math.max(window.longestStop, now - before);
  before = now;
}, 20);
"""
#: On a busy machine, too. What is tested took from ten seconds to for ever.
STOP_MS = 3_000

NOTES = {
    "emphasis": "*_a" * 21_666,
    "quotes": "> " * 32_500,
    "lists": "\n".join("  " * i + "- a" for i in range(250)),
    "brackets": "[" * 65_000,
    "links": "[a](" * 16_000,
    "table": "|a" * 16_000 + "|\n" + "|-" * 16_000 + "|\n" + "|x\n" * 100,
    "images": "![](x)" * 10_000,
    "html": "<div>" * 13_000,
    "ticks": "`a``b" * 13_000,
    "marks": "e" + "\u0301" * 65_000,
}


def open_slowly(page: Page, address: str) -> None:
    page.add_init_script(LONGEST_STOP)
    page.goto(address)


def expect_alive(page: Page) -> None:
    assert page.evaluate("window.longestStop") < STOP_MS


@pytest.mark.parametrize("name", NOTES)
@pytest.mark.alone
def test_no_note_stops_the_page(server: ServerProcess, page: Page, name: str) -> None:
    with TrackingClient(server.uri) as client:
        run = client.create_run("0", run_name="noted").info.run_id
        client.set_tag(run, "mlflow.note.content", NOTES[name])
        client.flush()
    open_slowly(page, f"{server.http}/#/runs/{run}")
    expect(page.get_by_role("heading", level=1)).to_have_text("noted")
    expect(page.locator("div.notes[aria-busy=true]")).to_have_count(0)
    expect(page.locator("div.notes")).to_be_attached()
    page.get_by_role("tab", name="Artifacts").click()  # and it goes on
    expect(page.get_by_text("No artifacts.")).to_be_visible()
    expect_alive(page)


FILES = {
    "letters.py": "a" * 199_000,
    "quotes.py": "'" * 199_000,
    "deep.json": "[" * 90_000 + "]" * 90_000,
    "nested.json": "[" * 4_000 + "]" * 4_000,
    "wide.csv": "a," * 400_000 + "\n" + "b," * 40_000,
    "quotes.csv": '"' * 900_000,
    "rows.csv": "a,b\n" * 200_000,
    "long.csv": "a\n" + "x" * 900_000,
    "line.txt": "x" * 1_000_000,
    "marks.md": "*_a" * 50_000,
    "accents.txt": "e" + "\u0301" * 400_000,
    "tags.xml": "<a>" * 60_000,
}


@pytest.mark.alone
def test_no_file_stops_the_page(server: ServerProcess, page: Page) -> None:
    with TrackingClient(server.uri) as client:
        run = client.create_run("0").info.run_id
        for name, text in FILES.items():
            client.log_text(run, text, name)
    page.add_init_script(LONGEST_STOP)
    for name in FILES:
        page.goto(f"{server.http}/#/runs/{run}?tab=artifacts&artifact={name}")
        page.reload()
        preview = page.get_by_role("region", name=f"Preview of {name}")
        expect(preview.locator("pre, table, .notes").first).to_be_visible(timeout=20_000)
        expect(preview.locator("[aria-busy=true]")).to_have_count(0)
        assert page.evaluate("window.longestStop") < STOP_MS, name


USES = [f'<g id="g{i}">' + f'<use href="#g{i - 1}"/>' * 10 + "</g>" for i in range(1, 9)]
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9">{}</svg>'
PICTURES = {
    "bomb.svg": SVG.format(f'<g id="g0"><rect/></g>{"".join(USES)}'),
    "circle.svg": SVG.format('<g id="a"><use href="#a"/></g>'),
    "fine.svg": SVG.format('<path id="p" d="M0 0L9 9"/>' + '<use href="#p"/>' * 1_000),
}


def test_a_picture_that_would_stop_the_page_is_shown_only_if_asked(
    server: ServerProcess, page: Page
) -> None:
    with TrackingClient(server.uri) as client:
        run = client.create_run("0").info.run_id
        for name, text in PICTURES.items():
            client.log_text(run, text, name)
    for name in PICTURES:
        page.goto(f"{server.http}/#/runs/{run}?tab=artifacts&artifact={name}")
        page.reload()
        preview = page.get_by_role("region", name=f"Preview of {name}")
        if name == "fine.svg":
            expect(preview.get_by_role("img", name=name)).to_be_visible()
        else:
            expect(preview.get_by_role("button", name="Show it all the same")).to_be_visible()
            expect(preview.locator("img")).to_have_count(0)


def test_a_run_of_very_much_is_shown_in_part(server: ServerProcess, page: Page) -> None:
    with TrackingClient(server.uri) as client:
        run = client.create_run("0", run_name="much").info.run_id
        other = client.create_run("0", run_name="more").info.run_id
        for one in (run, other):
            client.log_params(one, {f"p{i:05}": f"{one[:4]} {i}" for i in range(10_000)})
            client.log_batch(one, [(f"m{i:04}", 0.5, 1, 0) for i in range(2_000)])
            client.set_tag(one, "long", "0123456789" * 6_000)
        client.flush()
    open_slowly(page, f"{server.http}/#/runs/{run}")
    params = page.locator("section", has=page.get_by_role("heading", name="Params"))
    expect(params.locator("tbody tr")).to_have_count(501)
    params.get_by_role("button", name="Show more of 9,500 lines").click()
    expect(params.locator("tbody tr")).to_have_count(1_001)
    params.get_by_role("searchbox").fill("p09999")
    expect(params.locator("tbody th")).to_have_text(["p09999"])
    page.get_by_role("button", name="Show more of 60,000 characters").click()
    expect(page.get_by_text("0123456789" * 6_000)).to_be_visible()
    page.get_by_role("tab", name="Charts").click()
    expect(page.locator("figure.panel")).to_have_count(100)
    expect(page.get_by_role("button", name="Show more of 1,900 charts")).to_be_visible()
    page.goto(f"{server.http}/#/experiments/0?tab=table&columns=tags.long")
    expect(page.locator(".cell", has_text="0123456789").first).to_be_visible()
    page.goto(f"{server.http}/#/compare?runs={run},{other}")
    expect(page.get_by_role("button", name="Show more of 9,800 params")).to_be_visible()
    expect_alive(page)


FORMULAS = ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "'=1", "-1.5", "+7", "-inf", "a=b"]


def test_an_exported_text_is_no_formula(server: ServerProcess, page: Page, tmp_path: Path) -> None:
    with TrackingClient(server.uri) as client:
        for text in FORMULAS:
            client.log_params(client.create_run("0").info.run_id, {"=p": text})
    columns = "params.%3Dp"
    page.goto(f"{server.http}/#/experiments/0?tab=table&sort=start_time&columns={columns}")
    with page.expect_download() as download:
        page.get_by_role("button", name="Export CSV").click()
    file = tmp_path / "runs.csv"
    download.value.save_as(file)
    head, *rows = csv.reader(io.StringIO(file.read_bytes().decode()))
    assert head[-1] == "'=p"
    cells = [row[-1] for row in rows]
    assert cells[-4:] == FORMULAS[-4:]  # numbers, and what only has a sign, are as they were
    assert cells[:-4] == [f"'{text}" for text in FORMULAS[:-4]]


def test_deep_json_is_indented_while_that_takes_little(server: ServerProcess, page: Page) -> None:
    with TrackingClient(server.uri) as client:
        run = client.create_run("0").info.run_id
        client.log_text(run, json.dumps({"a": {"b": [1, 2]}}), "small.json")
    page.goto(f"{server.http}/#/runs/{run}?tab=artifacts&artifact=small.json")
    expect(page.locator("pre.source code")).to_contain_text('"a": {\n    "b": [')
