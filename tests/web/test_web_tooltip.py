"""The values under the cursor of a chart, and the cursor that charts share."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from runstream import TrackingClient
from support.server_process import ServerProcess
from support.web_charts import (
    drag,
    find_panel,
    point_at,
    read_drawing,
    run_colour,
    wait_for_frames,
    width_of,
)
from support.web_content import STEPS, SWEEP, Content

See = Callable[[str], Page]

MANY = 40


@pytest.fixture
def many(server: ServerProcess) -> Iterator[tuple[TrackingClient, list[str]]]:
    """Runs of two metrics, each with a value of its own at all steps."""
    with TrackingClient(server.uri) as client:
        runs = []
        for number in range(MANY):
            name = f"a run with quite a long name, number {number}"
            run = client.create_run("0", run_name=name).info.run_id
            for step in range(0, 101, 10):
                client.log_metric(run, "loss", float(number), step=step)
                client.log_metric(run, "score", 100.0 + number, step=step)
            runs.append(run)
        client.flush()
        yield client, runs


def top_of(figure: Locator, value: float, lowest: float, highest: float) -> float:
    """Where a value is in the plot, by the room of a tenth above and below."""
    box = figure.locator(".u-over").bounding_box()
    assert box
    room = (highest - lowest) / 10
    low = 0 if lowest >= 0 and lowest <= room else lowest - room
    return box["height"] * (highest + room - value) / (highest + room - low)


def test_the_nearest_curve_is_named_first_of_at_most_fifteen(
    server: ServerProcess, page: Page, many: tuple[TrackingClient, list[str]]
) -> None:
    page.goto(f"{server.http}/#/compare?tab=charts&runs={','.join(many[1])}")
    figure = find_panel(page, "loss")
    over = figure.locator(".u-over")
    values = figure.locator(".values .value")
    for number in (33, 5):
        over.hover(position={"x": 100, "y": top_of(figure, number, 0, MANY - 1)})
        expect(values.first).to_contain_text(f"number {number}")
        expect(values.first).to_have_class(re.compile("pointed"))
        expect(values).to_have_count(15)
        expect(figure.locator(".values")).to_contain_text(f"and {MANY - 15} runs more")
    # In no corner of no panel it leaves the screen.
    page.set_viewport_size({"width": 700, "height": 420})
    for metric in ("loss", "score"):
        figure = find_panel(page, metric)
        width, height = width_of(figure.locator(".u-over")), 200
        for x, y in ((2, 2), (width - 3, 2), (2, height), (width - 3, height)):
            figure.locator(".u-over").hover(position={"x": x, "y": y})
            expect(figure.locator(".values .value")).to_have_count(15)
            wait_for_frames(page)
            box = figure.locator(".values").bounding_box()
            assert box
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= 700
            assert box["y"] >= 0
            assert box["y"] + box["height"] <= 420


def test_raw_and_smoothed_values_are_told_and_runs_that_ended_are_not(
    server: ServerProcess, page: Page
) -> None:
    with TrackingClient(server.uri) as client:
        ids = [client.create_run("0", run_name=name).info.run_id for name in ("long", "short")]
        for step in range(101):
            client.log_metric(ids[0], "loss", float(step % 2), step=step)
        for step in range(41):
            client.log_metric(ids[1], "loss", 0.5, step=step)
    page.goto(f"{server.http}/#/compare?tab=charts&runs={','.join(ids)}&smoothing=0.9")
    figure = find_panel(page, "loss")
    width = width_of(figure.locator(".u-over"))
    values = figure.locator(".values .value")
    point_at(figure, round(0.3 * width))
    expect(values).to_have_count(2)
    point_at(figure, round(0.8 * width))
    expect(values).to_have_count(1)
    expect(values).to_contain_text("long")
    expect(values).to_contain_text(re.compile(r"raw [01](?!\.)"))
    assert 0.3 < float(values.locator("b").inner_text()) < 0.7


def test_a_curve_is_chosen_by_click_and_by_keys_and_stands_out_everywhere(
    see: See, content: Content
) -> None:
    ids = ",".join(content.runs)
    page = see(f"/compare?tab=charts&runs={ids}")
    figure = find_panel(page, "train/loss")
    legend = page.get_by_role("list", name="Runs").get_by_role("button")
    chosen = page.locator(".legend [aria-pressed=true]")
    expect(legend).to_have_count(len(SWEEP))
    # The curve of the least rate is above all others at the end.
    point_at(figure, round(0.9 * width_of(figure.locator(".u-over"))))
    place = [text.strip() for text in legend.all_inner_texts()].index("rmsprop-0.003")
    rows = read_drawing(figure, run_colour(page, place)).between(0.88, 0.92)
    top = min(row for column in rows for row in column)
    over = figure.locator(".u-over")
    height = over.bounding_box()["height"]  # type: ignore[index]
    over.click(position={"x": 0.9 * width_of(over), "y": top * height})
    expect(chosen).to_have_text(["rmsprop-0.003"])
    page.mouse.move(0, 0)
    other = find_panel(page, "val/accuracy")
    expect(other.locator(".highlight")).to_have_count(1)
    chosen.click()
    expect(chosen).to_have_count(0)
    figure.focus()
    figure.press("ArrowRight")
    expect(figure.locator(".values .pointed")).to_have_count(0)
    figure.press("ArrowDown")
    expect(figure.locator(".values .pointed")).to_have_count(1)
    name = figure.locator(".values .pointed .title").inner_text()
    figure.press("Enter")
    expect(chosen).to_have_text([name])
    legend.first.click()
    expect(chosen).to_have_text(["adam-0.3"])


def test_charts_share_their_cursor_and_range_if_that_is_wished(see: See, content: Content) -> None:
    page = see(f"/compare?tab=charts&runs={','.join(content.runs)}&metric=loss")
    figure, other = find_panel(page, "train/loss"), find_panel(page, "val/loss")
    told = other.locator(".values.one")
    width = width_of(figure.locator(".u-over"))
    point_at(figure, round(0.5 * width))
    expect(told).to_have_count(0)
    page.get_by_label("Synchronise").check()
    expect(page).to_have_url(re.compile("sync=1"))
    figure.focus()
    for _ in range(4):
        figure.press("ArrowRight")
    figure.press("ArrowDown")
    expect(told).to_have_count(1)
    expect(told).to_have_text(re.compile(r"^\d+\.\d+$"))
    place = "el => new DOMMatrix(getComputedStyle(el).transform).e"
    lines = [one.locator(".u-cursor-x").evaluate(place) for one in (figure, other)]
    assert lines[0] == lines[1] > 0
    drag(page, figure, 0.25, 0.5)
    for one in (figure, other):
        expect(one.get_by_role("button", name="Show all")).to_be_visible()
    expect(page).to_have_url(re.compile("zoom="))
    page.reload()
    for metric in ("train/loss", "val/loss"):
        expect(find_panel(page, metric).get_by_role("button", name="Show all")).to_be_visible()
    page.get_by_label("Synchronise").uncheck()
    expect(page.get_by_role("button", name="Show all")).to_have_count(0)


def test_a_cursor_over_shared_charts_lays_the_page_out_once_a_frame(
    server: ServerProcess, page: Page, many: tuple[TrackingClient, list[str]]
) -> None:
    page.goto(f"{server.http}/#/compare?tab=charts&sync=1&runs={','.join(many[1])}")
    figure, other = find_panel(page, "loss"), find_panel(page, "score")
    over, told = figure.locator(".u-over"), other.locator(".values.one")
    over.hover(position={"x": 100, "y": 100})
    expect(told).to_have_count(1)
    first = figure.locator(".values .value").first.element_handle()
    box = over.bounding_box()
    assert box
    assert first
    devtools = page.context.new_cdp_session(page)
    devtools.send("Performance.enable")

    def count_layouts() -> float:
        metrics = devtools.send("Performance.getMetrics")["metrics"]
        return next(float(one["value"]) for one in metrics if one["name"] == "LayoutCount")

    before = count_layouts()
    page.evaluate(
        """() => {
          const next = () => { frames += 1; requestAnimationFrame(next); };
          window.frames = 0;
          next();
        }"""
    )
    for step in range(60):
        page.mouse.move(box["x"] + 100 + 3 * step, box["y"] + 60 + step)
    frames = page.evaluate("window.frames")
    # Nothing asks for a layout between two frames, and no line of the values is made anew.
    assert count_layouts() - before <= 1.5 * frames
    assert first.evaluate("row => row.isConnected")
    name = figure.locator(".values .pointed .title").inner_text()
    expect(other.locator(".highlight")).to_have_count(1)
    number = int(re.findall(r"\d+", name)[-1])
    expect(told).to_have_text(str(100 + number))


def test_values_are_told_by_touch_and_two_fingers_choose_a_range(
    browser: Browser, filled: tuple[ServerProcess, Content]
) -> None:
    server, content = filled
    context = browser.new_context(
        viewport={"width": 400, "height": 800}, has_touch=True, is_mobile=True
    )
    context.set_default_timeout(20_000)
    page = context.new_page()
    page.goto(f"{server.http}/#/compare?tab=charts&runs={','.join(content.runs)}&metric=val/loss")
    figure = find_panel(page, "val/loss")
    box = figure.locator(".u-over").bounding_box()
    assert box
    x, y = box["x"] + 0.7 * box["width"], box["y"] + 0.6 * box["height"]
    page.touchscreen.tap(x, y)
    values = figure.locator(".values")
    expect(values.locator(".value")).to_have_count(len(SWEEP))
    shown = values.bounding_box()
    assert shown
    assert shown["x"] >= 0
    assert shown["x"] + shown["width"] <= 400
    assert shown["y"] + shown["height"] <= y or shown["y"] >= y  # no finger hides it
    touch = page.context.new_cdp_session(page)

    def fingers(kind: str, *lefts: float) -> None:
        points = [{"x": left, "y": y, "id": i} for i, left in enumerate(lefts)]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    first = values.locator(".at").inner_text()
    fingers("touchStart", x)
    for step in range(1, 8):
        fingers("touchMove", x - 15 * step)
    expect(values.locator(".at")).not_to_have_text(first)
    fingers("touchEnd")
    fingers("touchStart", x - 60, x)
    for step in range(1, 8):
        fingers("touchMove", x - 60 - 5 * step, x + 5 * step)
    fingers("touchEnd")
    expect(figure.get_by_role("button", name="Show all")).to_be_visible()
    expect(page).to_have_url(re.compile("zoom=val"))
    start, end = map(float, page.url.split("zoom=")[1].replace("%3A", ":").split(":")[1:3])
    assert 0 < start < end < STEPS
    context.close()
