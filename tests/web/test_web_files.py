"""The files of a run: finding them, and that each shows its own content."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from runstream import TrackingClient
from support.server_process import ServerProcess
from support.web_charts import wait_for_frames

Show = Callable[..., Page]


@pytest.fixture
def show(server: ServerProcess, page: Page, tmp_path: Path) -> Show:
    """Show the artifacts of a run that has what lies in `files`."""
    with TrackingClient(server.uri) as client:
        run = client.create_run("0").info.run_id
        client.log_artifacts(run, tmp_path / "files")

    def show(query: str = "") -> Page:
        page.goto(f"{server.http}/#/runs/{run}?tab=artifacts{query}")
        return page

    return show


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "files"
    folder.mkdir()
    return folder


@pytest.fixture
def texts(files: Path) -> None:
    for name, text in {"a.txt": "the text of a", "empty.txt": "", "empty.csv": ""}.items():
        (files / name).write_text(text)
    (files / "numbers.csv").write_text("n\n1\n")


@pytest.mark.usefixtures("texts")
def test_an_empty_or_missing_file_shows_nothing_of_the_file_before(show: Show) -> None:
    page = show("&artifact=a.txt")
    preview = page.get_by_role("region", name="Preview of")
    for first, text in (("a.txt", "the text of a"), ("numbers.csv", "n1")):
        for empty in ("empty.txt", "empty.csv"):
            page.get_by_role("treeitem", name=first).click()
            expect(preview.locator("pre, table")).to_contain_text(text)
            page.get_by_role("treeitem", name=empty).click()
            expect(preview.get_by_role("heading")).to_have_text(empty)
            expect(preview).to_contain_text("This file is empty.")
            expect(preview.locator("pre, table")).to_have_count(0)
            expect(page.get_by_role("alert")).to_have_count(0)
    page.get_by_role("treeitem", name="a.txt").click()
    expect(preview.locator("pre")).to_be_visible()
    show("&artifact=nothing.txt")
    expect(page.get_by_text("There is no artifact nothing.txt.")).to_be_visible()
    expect(page.get_by_text("the text of a")).to_have_count(0)


#: Answers about files that are called `slow` come much later than others.
SLOW = """
const now = window.fetch;
window.fetch = async (...asked) => {
  const answer = await now(...asked);
  const url = String(asked[0].url ?? asked[0]);
  if (/slow/.test(url)) {
    window.late = (window.late ?? 0) + 1;
    await new Promise((done) => setTimeout(done, 1500));
    setTimeout(() => (window.late -= 1));
  }
  return answer;
};
"""


@pytest.fixture
def slow(files: Path) -> None:
    (files / "1 slow.txt").write_text("slow text")
    (files / "2 slow.csv").write_text("slow\ncells\n")
    (files / "3 slow.json").write_text('{"slow": "json"}')
    (files / "4 slow.md").write_text("# slow heading")
    np.save(files / "5 slow.npy", np.arange(777))
    np.savez(files / "6 slow.npz", slow=np.arange(777))
    (files / "7 slow.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    (files / "8 slow.ipynb").write_text("{}")
    (files / "quick.txt").write_text("quick")
    (files / "empty.md").write_text("")


@pytest.mark.usefixtures("slow")
def test_an_answer_that_comes_late_is_not_shown_as_another_file(show: Show, page: Page) -> None:
    page.add_init_script(SLOW)
    show()
    preview = page.get_by_role("region", name="Preview of")
    files = page.get_by_role("treeitem")
    expect(files).to_have_count(10)
    for last, text in (("quick.txt", "quick"), ("empty.md", "This file is empty.")):
        for name in [*files.all_inner_texts(), last]:
            page.get_by_role("treeitem", name=name.strip()).click(no_wait_after=True)
        expect(preview).to_contain_text(text)
        page.wait_for_function("() => window.late === 0")  # the slowest answer has come
        wait_for_frames(page)
        expect(preview).to_contain_text(text)
        assert "slow" not in preview.inner_text()
        assert "777" not in preview.inner_text()
        expect(page.get_by_role("alert")).to_have_count(0)


DAMAGED = {
    "sound.mp3": "The browser cannot play this sound.",
    "film.mp4": "The browser cannot play this video.",
    "image.png": "The browser cannot show this image.",
    "image.svg": "The browser cannot show this image.",
    "array.npy": "This is no file of NumPy.",
    "arrays.npz": "This is no file of NumPy.",
    "rows.parquet": "This is no Parquet file.",
    "rows.feather": "This is no Arrow file.",
    "weights.safetensors": "This is no file of safetensors.",
    "cells.ipynb": "This file is no JSON.",
}


@pytest.fixture
def damaged(files: Path) -> None:
    for name in DAMAGED:
        (files / name).write_bytes(np.random.default_rng(1).bytes(5_000))


@pytest.mark.usefixtures("damaged")
def test_a_damaged_file_of_each_kind_says_so(show: Show) -> None:
    page = show()
    for name, text in DAMAGED.items():
        page.get_by_role("treeitem", name=name).click()
        expect(page.get_by_role("region", name=f"Preview of {name}")).to_contain_text(text)


@pytest.fixture
def folders(files: Path) -> None:
    (files / "deep" / "down").mkdir(parents=True)
    (files / "deep" / "down" / "Report of May.txt").write_text("found")
    (files / "samples").mkdir()
    for number in (2, 10, 1):
        image = Image.fromarray(np.full((4, number, 3), 90, np.uint8))
        image.save(files / "samples" / f"sample {number}.png")
    (files / "samples" / "labels.txt").write_text("x" * 1_500)
    (files / "a.txt").write_text("a")


@pytest.mark.usefixtures("folders")
def test_files_are_found_by_words_at_any_depth(show: Show) -> None:
    page = show()
    expect(page.get_by_role("treeitem").first).to_be_visible()
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox", name="Find files")).to_be_focused()
    page.keyboard.type("may DOWN")
    expect(page.get_by_text("1 of 6 files")).to_be_visible()
    found = page.get_by_role("list", name="Files found").get_by_role("button")
    expect(found).to_have_text(["deep/down/Report of May.txt5 B"])
    expect(found.locator("mark")).to_have_text(["down", "May"])
    found.focus()
    page.keyboard.press("Enter")
    expect(page.locator("pre.source")).to_have_text("found")
    expect(page).to_have_url(re.compile("files=may"))
    page.get_by_role("searchbox", name="Find files").fill("sample png")
    expect(found).to_have_count(3)
    found.first.focus()
    page.keyboard.press("ArrowDown")
    expect(found.nth(1)).to_be_focused()
    page.get_by_role("searchbox", name="Find files").fill("")
    expect(page.get_by_role("tree")).to_be_visible()


@pytest.mark.usefixtures("folders")
def test_a_folder_shows_its_images_and_what_it_has(show: Show) -> None:
    page = show("&artifact=samples")
    images = page.get_by_role("list", name="Images").get_by_role("button")
    expect(images).to_have_text(["sample 1.png", "sample 2.png", "sample 10.png"])
    expect(images.locator("img").nth(2)).to_have_js_property("naturalWidth", 10)
    expect(images.locator("img").nth(2)).to_have_attribute("loading", "lazy")
    rows = page.get_by_role("region", name="Files").get_by_role("row")
    expect(rows.nth(1)).to_contain_text("labels.txt1.50 kB")
    images.nth(0).focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="samples/sample 2.png")).to_be_visible()
    page.goto(page.url.replace("&artifact=samples%2Fsample+2.png", ""))
    names = page.get_by_role("region", name="Files").get_by_role("button")
    expect(names).to_have_text(["deep/", "samples/", "a.txt"])
