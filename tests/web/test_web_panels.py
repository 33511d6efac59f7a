"""Panels as data: added, edited, moved, sized, in sections, searched, kept in the address."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect

from support.web_charts import (
    choose,
    count_drawn,
    find_panel,
    panels_text,
    read_drawing,
    take_over,
    wait_for_frames,
)
from support.web_content import STEPS, SWEEP, Content

See = Callable[[str], Page]


def titles(page: Page) -> list[str]:
    return page.locator("figure.panel .title").all_inner_texts()


def test_a_panel_is_added_with_several_metrics_and_expressions(see: See, content: Content) -> None:
    page = see(f"/runs/{content.runs[0]}?tab=charts")
    find_panel(page, "val/loss")
    page.get_by_role("button", name="Add panel").click()
    dialog = page.get_by_role("dialog", name="Panel")
    items = dialog.get_by_label("Add to metrics and expressions")
    for item in ("train/loss", "val/loss - train/loss"):
        items.fill(item)
        items.press("Enter")
        expect(dialog.get_by_role("button", name=f"Without {item}", exact=True)).to_be_visible()
    dialog.get_by_label("Title").fill("Both")
    dialog.get_by_role("button", name="Done").click()
    figure = find_panel(page, "Both")
    assert count_drawn(figure) == 2 * STEPS
    box = figure.locator(".u-over").bounding_box()
    assert box
    figure.locator(".u-over").hover(position={"x": box["width"] / 2, "y": 20})
    values = figure.locator(".values .value")
    expect(values).to_have_count(2)
    gap = values.filter(has_text="val/loss - train/loss").locator("b")
    assert abs(float(gap.inner_text()) - 0.08) < 1e-6
    page.reload()
    assert count_drawn(find_panel(page, "Both")) == 2 * STEPS
    choose(find_panel(page, "Both"), "Remove")
    choose(find_panel(page, "val/loss"), "Remove")
    expect(page.locator("figure.panel .title", has_text="Both")).to_have_count(0)
    expect(page.locator("figure.panel .title", has_text="val/loss")).to_have_count(0)
    page.get_by_role("button", name="More", exact=True).click()
    page.get_by_role("button", name="Reset panels").click()
    find_panel(page, "val/loss")
    expect(page).not_to_have_url(re.compile("panels="))


def test_panels_are_moved_and_sized_by_keys_and_by_the_pointer(see: See, content: Content) -> None:
    page = see(f"/runs/{content.runs[0]}?tab=charts&metric=/loss|accuracy/")
    find_panel(page, "train/loss")
    assert titles(page) == ["val/accuracy", "val/loss", "train/accuracy", "train/loss"]
    grip = page.get_by_role("button", name="Move train/loss")
    grip.press("ArrowLeft")
    expect(page.locator("figure.panel .title").nth(2)).to_have_text("train/loss")
    expect(grip).to_be_focused()
    target = page.locator("figure.panel", has_text="val/loss").bounding_box()
    start = grip.bounding_box()
    assert target
    assert start
    page.mouse.move(start["x"] + 5, start["y"] + 5)
    placed = titles(page)
    page.mouse.down()
    page.mouse.move(target["x"] + 0.8 * target["width"], target["y"] + 60, steps=6)
    take_over(page)  # which is no drop
    page.mouse.up()
    expect(page.locator("figure.panel .title")).to_have_text(placed)
    expect(page.locator(".moved, .drop-before, .drop-after")).to_have_count(0)
    page.mouse.move(start["x"] + 5, start["y"] + 5)
    page.mouse.down()
    page.mouse.move(target["x"] + 0.8 * target["width"], target["y"] + 60, steps=6)
    page.mouse.up()
    expect(page.locator("figure.panel .title")).to_have_text(
        ["val/accuracy", "val/loss", "train/loss", "train/accuracy"]
    )
    figure = find_panel(page, "train/loss")
    before = figure.bounding_box()
    size = page.get_by_role("button", name="Size of train/loss")
    size.press("ArrowRight")
    size.press("ArrowDown")
    expect(page).to_have_url(re.compile("width"))
    after = figure.bounding_box()
    assert before
    assert after
    assert after["width"] > 1.8 * before["width"]
    assert after["height"] == before["height"] + 60
    size.drag_to(page.locator("body"), target_position={"x": 300, "y": 5}, force=True)
    page.reload()
    kept = find_panel(page, "train/loss").bounding_box()
    assert kept
    assert kept["width"] == before["width"]
    assert titles(page) == ["val/accuracy", "val/loss", "train/loss", "train/accuracy"]


def test_a_panel_takes_the_whole_page_and_gives_it_back(see: See, content: Content) -> None:
    page = see(f"/runs/{content.runs[0]}?tab=charts")
    figure = find_panel(page, "val/loss")
    figure.get_by_role("button", name="Full screen").click()
    expect(page).to_have_url(re.compile("whole=val"))
    page.reload()
    figure = find_panel(page, "val/loss")
    box = figure.bounding_box()
    assert box
    assert (box["width"], box["height"]) == (1280, 800)
    assert any(read_drawing(figure, (0, 0, 0)).columns) or count_drawn(figure) == STEPS
    figure.focus()
    figure.press("Escape")
    expect(page).not_to_have_url(re.compile("whole="))


def test_sections_fold_are_named_and_have_settings_for_all_in_them(
    see: See, content: Content
) -> None:
    ids = ",".join(content.runs)
    page = see(f"/compare?tab=charts&runs={ids}")
    find_panel(page, "train/loss")
    page.get_by_role("button", name="More of section train/").click()
    page.get_by_role("menuitem", name="Settings").click()
    dialog = page.get_by_role("dialog", name="Section")
    dialog.get_by_label("Name").fill("Training")
    dialog.get_by_label("y from..to").fill("0..10")
    dialog.get_by_label("log y").select_option("No")
    dialog.get_by_role("button", name="Apply").click()
    group = page.locator("details.group", has=page.get_by_text("Training 2 metrics"))
    expect(group).to_have_count(1)
    # All losses are below 1.3: of a y axis up to 10 they take the lowest part.
    wait_for_frames(page)
    rows = [r for c in read_drawing(find_panel(page, "train/loss")).columns for r in c]
    assert min(rows) > 0.8
    page.get_by_role("button", name="More", exact=True).click()
    page.get_by_role("button", name="Add section").click()
    page.get_by_role("dialog").get_by_label("Name").fill("Mine")
    page.get_by_role("dialog").get_by_role("button", name="Add").click()
    expect(page.locator("details.group summary").first).to_contain_text("Mine")
    group.locator("summary").click()
    expect(group.locator("figure")).to_have_count(0)
    page.reload()
    expect(group).to_have_count(1)
    expect(group.locator("figure")).to_have_count(0)


def test_panels_are_found_by_words_and_by_expressions(see: See, content: Content) -> None:
    slow = panels_text(f"*1;kind=text;title={'a' * 50}!")
    page = see(f"/compare?tab=charts&runs={','.join(content.runs)}&panels={slow}")
    find_panel(page, "train/loss")
    search = page.get_by_role("searchbox", name="Search metrics")
    search.fill("loss train")
    expect(page.locator("figure.panel .title")).to_have_text(["train/loss"])
    search.fill("/^(val|train).*acc/")
    expect(page.locator("figure.panel .title")).to_have_text(["val/accuracy", "train/accuracy"])
    search.fill("/(/")
    expect(page.get_by_text(re.compile("Invalid regular expression"))).to_be_visible()
    expect(page.locator("figure.panel")).to_have_count(0)
    search.fill("/(a+)+$/")  # 2^50 ways through the title
    expect(page.get_by_text("This expression takes longer than 1 s")).to_be_visible()
    search.fill("loss train")
    expect(page.locator("figure.panel .title")).to_have_text(["train/loss"])


def test_x_is_any_metric_and_outliers_are_left_out(see: See, content: Content) -> None:
    items = panels_text("spiky;outliers=1", "gappy;x=metrics.spiky")
    page = see(f"/runs/{content.edges}?tab=charts&panels={items}")
    figure = find_panel(page, "spiky")
    rows = [r for c in read_drawing(figure).columns for r in c]
    assert max(rows) - min(rows) > 0.7  # with the spike of 1,000 it were a flat line
    figure = find_panel(page, "gappy")
    over = figure.locator(".u-over")
    box = over.bounding_box()
    assert box
    figure.focus()
    figure.press("ArrowRight")
    expect(figure.locator(".values .at")).to_contain_text("spiky 1")


def test_a_picture_is_svg_or_png_of_any_size_with_title_and_legend(
    see: See, content: Content, tmp_path: Path
) -> None:
    page = see(f"/compare?tab=charts&runs={','.join(content.runs)}&metric=val/loss&smoothing=0.5")
    figure = find_panel(page, "val/loss")
    with page.expect_download() as download:
        choose(figure, "SVG")
    assert download.value.suggested_filename == "val_loss.svg"
    svg = Path(download.value.path()).read_text()
    assert svg.count("<path") == 2 * len(SWEEP)
    assert all(f"{name}-{rate}" in svg for rate, name in SWEEP)
    assert ">val/loss</text>" in svg

    def saved(save: Callable[[], None]) -> tuple[int, int]:
        with page.expect_download() as download:
            save()
        download.value.save_as(tmp_path / "picture.png")
        with Image.open(tmp_path / "picture.png") as picture:
            return picture.width, picture.height

    width, height = saved(lambda: choose(figure, "PNG"))
    choose(figure, "PNG of another size")
    dialog = page.get_by_role("dialog")
    size = dialog.get_by_label("Times as large as here")
    save = dialog.get_by_role("button", name="Save")
    for wrong in ("0", "-1", "1000", "large"):
        size.fill(wrong)
        save.click()
        expect(dialog.locator(".error")).to_contain_text("with which it has 16,000 pixels")
    size.fill("3")
    assert saved(save.click) == (width * 3 / 2, height * 3 / 2)
    expect(dialog).to_have_count(0)
