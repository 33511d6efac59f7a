"""The files of a run: a tree, previews and downloads."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from support.web_content import Content

See = Callable[[str], Page]


def test_artifacts_are_a_tree(see: See, content: Content) -> None:
    page = see(f"/runs/{content.parent}?tab=artifacts")
    items = page.get_by_role("treeitem")
    names = ["model", "config.json", "picture.png", "report.html", "table.csv", "tone.wav"]
    expect(items).to_have_count(len(names))
    for item, name in zip(items.all(), names, strict=True):
        expect(item).to_contain_text(name)
    items.nth(1).focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowRight")
    expect(items).to_have_count(len(names) + 2)
    expect(page.get_by_role("treeitem", level=2).first).to_contain_text("train.py")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowLeft")  # from a file to its folder
    expect(items.nth(0)).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(items).to_have_count(len(names))


def preview(see: See, content: Content, path: str) -> Page:
    page = see(f"/runs/{content.parent}?tab=artifacts&artifact={path}")
    expect(page.get_by_role("heading", name=path)).to_be_visible()
    return page


def test_an_image_is_shown(see: See, content: Content) -> None:
    page = preview(see, content, "picture.png")
    image = page.get_by_role("img", name="picture.png")
    expect(image).to_be_visible()
    expect(image).to_have_js_property("naturalWidth", 64)


def test_a_program_is_shown_in_the_colours_of_its_language(see: See, content: Content) -> None:
    page = preview(see, content, "model/train.py")
    source = page.get_by_role("region", name="Content of train.py")
    expect(source).to_contain_text("def train(lr):")
    expect(source.locator(".hljs-keyword").first).to_have_text("def")
    colours = [
        source.locator(part).first.evaluate("e => getComputedStyle(e).color")
        for part in (".hljs-keyword", ".hljs-comment")
    ]
    assert len(set(colours)) == 2
    # The tree is unfolded down to the file.
    expect(page.get_by_role("treeitem", selected=True)).to_contain_text("train.py")


def test_json_is_indented_and_csv_is_a_table(see: See, content: Content) -> None:
    page = preview(see, content, "config.json")
    expect(page.locator("pre.source")).to_contain_text('{\n  "lr": 0.1,\n  "layers": [\n    1,')
    page = preview(see, content, "table.csv")
    table = page.get_by_role("table")
    expect(table.get_by_role("columnheader")).to_have_text(["name", "score"])
    expect(table.get_by_role("cell")).to_have_text(["a, b", "1", "c", "2"])


def test_audio_is_played(see: See, content: Content) -> None:
    page = preview(see, content, "tone.wav")
    audio = page.get_by_label("tone.wav", exact=True)
    expect(audio).to_have_js_property("duration", 0.5)
    expect(audio).to_have_js_property("error", None)


def test_a_page_runs_its_scripts_and_reaches_nothing(see: See, content: Content) -> None:  # W7
    page = preview(see, content, "report.html")
    frame = page.frame_locator("iframe[title='report.html']")
    expect(frame.get_by_role("heading")).to_have_text("Report")
    expect(frame.locator("#out")).to_have_text("scripts run, alone")


def test_what_has_no_preview_says_so(see: See, content: Content) -> None:
    page = preview(see, content, "model/weights.bin")
    expect(page.get_by_text("There is no preview of such a file")).to_be_visible()


@pytest.mark.parametrize(
    ("path", "button", "names"),
    [
        ("model", "Download as zip", ["train.py", "weights.bin"]),
        ("", "Download all as zip", ["config.json", "model/train.py"]),
    ],
)
def test_folders_are_downloaded_as_a_zip(
    see: See, content: Content, path: str, button: str, names: list[str]
) -> None:
    page = see(f"/runs/{content.parent}?tab=artifacts&artifact={path}")
    with page.expect_download() as download:
        page.get_by_role("link", name=button).click()
    with zipfile.ZipFile(download.value.path()) as archive:
        assert archive.testzip() is None
        assert archive.namelist()[: len(names)] == names


def test_a_file_is_downloaded(see: See, content: Content) -> None:
    page = preview(see, content, "model/weights.bin")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download", exact=True).click()
    assert download.value.suggested_filename == "weights.bin"
    assert Path(download.value.path()).read_bytes() == bytes(range(256)) * 64
