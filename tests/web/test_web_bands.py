"""Groups in charts: a curve and a band for each, which hundreds of runs share."""

from __future__ import annotations

import csv
import re
from typing import NamedTuple
from urllib.parse import unquote
from xml.etree import ElementTree

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, Request, expect

from runstream import TrackingClient
from support.server_process import ServerProcess
from support.web_charts import choose, drag, find_panel, panels_text, point_at

Values = np.ndarray[tuple[int, int], np.dtype[np.float64]]

STEPS = 100
RATES = ("0.02", "0.1", "10")
RUNS = 60  # more than the list reads at first


class Grouped(NamedTuple):
    """An experiment whose runs are grouped by `lr`.

    Attributes:
        address: of its page, grouped.
        values: of `loss`, by the rate: a row for each run, a column for each step.
        runs: ids of all runs.
    """

    address: str
    values: dict[str, Values]
    runs: list[str]


@pytest.fixture
def grouped(server: ServerProcess) -> Grouped:
    random = np.random.default_rng(7)
    values: dict[str, list[list[float]]] = {rate: [] for rate in RATES}
    runs = []
    with TrackingClient(server.uri) as client:
        experiment = client.create_experiment("grouped")
        for i in range(RUNS):
            rate = RATES[i % 3]
            run = client.create_run(experiment, start_time=i + 1, run_name=f"r{i}").info.run_id
            client.log_param(run, "lr", rate)
            of_run = (random.random(STEPS) + float(rate)).tolist()
            client.log_columns(run, "loss", of_run, range(STEPS), [1] * STEPS)
            client.log_columns(run, "other", of_run, range(STEPS), [1] * STEPS)
            values[rate].append(of_run)
            runs.append(run)
    address = f"{server.http}/#/experiments/{experiment}?groups=params.lr"
    return Grouped(address, {rate: np.array(of) for rate, of in values.items()}, runs)


def legend(page: Page) -> Locator:
    return page.locator(".charts .legend button")


def saved(figure: Locator) -> tuple[list[str], list[list[str]]]:
    """The head and the rows of what a panel saves as CSV."""
    with figure.page.expect_download() as download:
        choose(figure, "CSV")
    with open(download.value.path(), newline="") as file:
        head, *rows = csv.reader(file)
    return head, rows


def swatch(row: Locator) -> str | None:
    return row.locator(".run-swatch path").get_attribute("stroke")


def test_each_group_is_drawn_as_a_curve_with_a_band_of_all_its_runs(
    page: Page, grouped: Grouped
) -> None:
    asked: list[Request] = []
    page.on("request", lambda one: asked.append(one))
    page.goto(grouped.address)
    expect(legend(page)).to_have_text([f"lr {rate} 20 runs" for rate in RATES])
    searches = [one.post_data or "" for one in asked if one.url.endswith("runs/search")]
    assert searches
    assert all('"offset":0' in search or "run_id IN" in search for search in searches)
    expect(page.get_by_text("3 groups, 60 runs")).to_be_visible()
    figure = find_panel(page, "loss")
    expect(figure).to_have_accessible_name("loss, mean of 3 groups")
    head, rows = saved(figure)
    assert head == ["lr", "metric", "step", "runs", "mean", "mean less deviation",
                    "mean plus deviation"]  # fmt: skip
    assert [row[:4] for row in rows] == [
        [rate, "loss", str(step), "20"] for rate in RATES for step in range(STEPS)
    ]
    logged = np.concatenate([grouped.values[rate] for rate in RATES], axis=1)
    mean, deviation = logged.mean(axis=0), logged.std(axis=0, ddof=1)
    numbers = np.array([row[4:] for row in rows], dtype=np.float64)
    np.testing.assert_allclose(numbers, np.stack([mean, mean - deviation, mean + deviation], 1))

    point_at(figure, 200)
    told = figure.locator(".values")
    step = int(re.findall(r"\d+", told.locator(".at").inner_text())[0])
    low, centre, high = (float(numbers[step, i]) for i in (1, 0, 2))
    line = told.locator(".value").filter(has_text="lr 0.02")
    found = re.findall(r"[\d.]+", line.inner_text().replace("lr 0.02", ""))
    assert [float(text) for text in found] == pytest.approx([20, low, high, centre], rel=1e-4)

    with page.expect_response(re.compile("grouped-history")):
        page.get_by_label("Band around groups").select_option("min to max")
    page.get_by_label("Shown of groups").select_option("median")
    expect(figure).to_have_accessible_name("loss, median of 3 groups")
    expect(page).to_have_url(re.compile("band=extremes"))
    page.reload()
    figure = find_panel(page, "loss")
    head, rows = saved(figure)
    assert head[4:] == ["median", "minimum", "maximum"]
    expected = np.stack([np.median(logged, axis=0), logged.min(axis=0), logged.max(axis=0)], 1)
    np.testing.assert_allclose(np.array([row[4:] for row in rows], dtype=np.float64), expected)


def test_a_group_has_an_eye_and_one_colour_that_its_single_runs_share(
    page: Page, grouped: Grouped
) -> None:
    page.goto(grouped.address)
    expect(legend(page)).to_have_count(3)
    rows = page.locator(".row.grouped")
    colours = [swatch(rows.nth(i)) for i in range(3)]
    assert colours == [swatch(legend(page).nth(i)) for i in range(3)]
    page.get_by_role("button", name="Draw lr 0.1").click()
    expect(legend(page)).to_have_text(["lr 0.02 20 runs", "lr 10 20 runs"])
    expect(page.get_by_text("2 of 3 drawn")).to_be_visible()
    page.get_by_role("button", name="Unfold 20 runs of lr 10").click()
    page.get_by_role("button", name="Draw r59").click()
    page.reload()
    expect(legend(page)).to_have_text(["lr 0.02 20 runs", "lr 10 20 runs", "r59"])
    assert swatch(legend(page).nth(2)) == swatch(legend(page).nth(1)) == colours[2]
    expect(find_panel(page, "loss")).to_have_accessible_name("loss, mean of 2 groups, 1 run")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert Axe().run(page).response["violations"] == []
    page.emulate_media(color_scheme="light")
    # Another order and other groups beside it change no colour.
    page.get_by_role("button", name="Hide all").click()
    expect(page.get_by_text("No group is shown.")).to_be_visible()
    page.get_by_role("treegrid").focus()
    page.keyboard.press("End")
    page.keyboard.press("e")
    expect(legend(page)).to_have_text(["lr 10 20 runs"])
    assert swatch(legend(page).first) == colours[2]
    page.get_by_role("button", name="Default").click()
    page.get_by_role("button", name="Draw lr 0.1").click()
    expect(legend(page)).to_have_text(["lr 0.02 20 runs", "lr 10 20 runs"])
    page.get_by_role("button", name="Do not group by params.lr").click()
    expect(legend(page)).to_have_text([f"r{RUNS - 1 - i}" for i in range(10)])
    expect(page.get_by_role("button", name="Default")).to_have_count(0)


def test_zooming_reads_finer_points_of_groups(server: ServerProcess, page: Page) -> None:
    size = 20_000
    with TrackingClient(server.uri) as client:
        for i in range(4):
            run = client.create_run("0").info.run_id
            client.log_param(run, "lr", str(i % 2))
            client.log_columns(run, "loss", np.arange(size) * 1.0 + i, range(size), [1] * size)
    page.goto(f"{server.http}/#/experiments/0?groups=params.lr")
    figure = find_panel(page, "loss")
    _, coarse = saved(figure)
    assert len(coarse) < 2_000
    asked: list[Request] = []
    page.on("request", lambda one: asked.append(one))
    drag(page, figure, 0.5, 0.515)
    figure.get_by_role("button", name="Show all").wait_for()
    expect(figure).to_have_attribute("aria-busy", "false")
    _, fine = saved(figure)
    steps = [int(row[2]) for row in fine if row[0] == "0"]
    assert len(steps) > 200
    assert steps == list(range(steps[0], steps[-1] + 1))  # each of them
    assert {row[4] for row in fine} == {str(step + more) for step in steps for more in (1, 2)}
    (request,) = [one for one in asked if "grouped-history" in one.url]
    assert (request.post_data or "").count("run_ids") == 2  # both groups at once
    figure.press("0")
    expect(figure.get_by_role("button", name="Show all")).to_have_count(0)
    assert saved(figure)[1] == coarse


def test_a_line_is_faint_where_not_all_runs_of_its_group_have_a_value(
    server: ServerProcess, page: Page
) -> None:
    with TrackingClient(server.uri) as client:
        for size in (50, 100):  # one ends early
            run = client.create_run("0").info.run_id
            client.log_param(run, "lr", "1")
            client.log_columns(run, "loss", [float(size)] * size, range(size), [1] * size)
    page.goto(f"{server.http}/#/experiments/0?groups=params.lr&band=none")
    figure = find_panel(page, "loss")
    expect(figure.get_by_text("faint: fewer runs")).to_be_visible()
    # The most of the colour of the group that the canvas has in a column of pixels.
    ink = """(canvas, [part, colour]) => {
      const wanted = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
      const picture = canvas.getContext("2d");
      const { data } = picture.getImageData(part * canvas.width, 0, 1, canvas.height);
      let most = 0;
      for (let i = 0; i < data.length; i += 4)
        if (wanted.every((one, j) => Math.abs(one - data[i + j]) < 9))
          most = Math.max(most, data[i + 3]);
      return most;
    }"""
    canvas, colour = figure.locator("canvas"), swatch(legend(page).first)
    assert canvas.evaluate(ink, [0.35, colour]) == 255
    assert 60 < canvas.evaluate(ink, [0.8, colour]) < 110
    plot = figure.locator(".u-over").bounding_box()
    assert plot
    point_at(figure, int(0.8 * plot["width"]))
    expect(figure.locator(".values .value")).to_contain_text("1 of 2 runs")
    with page.expect_download() as download:
        choose(figure, "SVG")
    paths = ElementTree.parse(download.value.path()).iter("{http://www.w3.org/2000/svg}path")
    assert [(one.get("opacity"), (one.get("d") or "").count("L")) for one in paths] == [
        ("1", 49),
        ("0.4", 50),
    ]
    drag(page, figure, 0.7, 0.9)  # still so where one run alone is in sight
    figure.get_by_role("button", name="Show all").wait_for()
    expect(figure.get_by_text("faint: fewer runs")).to_be_visible()


def test_groups_are_drawn_anew_after_what_is_logged(
    server: ServerProcess, page: Page, grouped: Grouped
) -> None:
    page.goto(grouped.address)
    figure = find_panel(page, "loss")
    expect(figure.locator(".plot")).to_have_attribute("data-points", str(3 * STEPS))
    with TrackingClient(server.uri) as client:
        client.log_metric(grouped.runs[0], "loss", 5.0, step=STEPS)  # of a run that is not listed
        client.flush()
        expect(figure.locator(".plot")).to_have_attribute("data-points", str(3 * STEPS + 1))
        assert saved(figure)[1][STEPS][2:5] == [str(STEPS), "1", "5"]
        experiment = client.get_run(grouped.runs[0]).info.experiment_id
        run = client.create_run(experiment).info.run_id
        client.log_param(run, "lr", "0.02")
        client.log_metric(run, "loss", 7.0, step=STEPS)
        client.flush()
        expect(legend(page).first).to_have_text("lr 0.02 21 runs")
        expect(figure).to_have_attribute("aria-busy", "false")
        found: list[str] = []
        for _ in range(20):
            found = saved(figure)[1][STEPS][2:5]
            if found[1] == "2":
                break
            page.wait_for_timeout(500)
        assert found == [str(STEPS), "2", "6"]


def test_what_groups_cannot_show_is_said(page: Page, grouped: Grouped) -> None:
    panels = panels_text("*1;kind=line;of=loss / other", "*2;kind=line;of=loss|other")
    page.goto(f"{grouped.address}&panels={panels}&smoothing=0.5")
    ratio = find_panel(page, "loss / other")
    expect(ratio.get_by_text("single runs")).to_be_visible()
    expect(ratio).to_have_accessible_name("loss / other, 6 runs")  # two of each group
    both = find_panel(page, "loss, other")
    expect(both.get_by_text("single runs")).to_have_count(0)
    expect(both.get_by_text("groups are not smoothed")).to_be_visible()
    assert {(row[0], row[1]) for row in saved(both)[1]} == {
        (rate, metric) for rate in RATES for metric in ("loss", "other")
    }
    page.get_by_label("x", exact=True).select_option("time")
    expect(find_panel(page, "loss").get_by_text("single runs")).to_be_visible()


def test_bars_are_those_of_groups(page: Page, grouped: Grouped) -> None:
    panels = panels_text("*1;kind=bar;of=loss;value=maximum")
    page.goto(f"{grouped.address}&panels={panels}")
    figure = page.get_by_role("figure", name="loss, 3 bars")
    expect(figure.get_by_text("mean of 60 of 60 runs")).to_be_visible()
    bars = figure.locator(".bar-row title")
    mean = [grouped.values[rate].max(axis=1).mean() for rate in ("10", "0.1", "0.02")]
    texts = [text.split(" · ") for text in bars.all_text_contents()]
    assert [text[0] for text in texts] == ["lr 10 (20)", "lr 0.1 (20)", "lr 0.02 (20)"]
    assert [float(text[1]) for text in texts] == pytest.approx(mean, rel=1e-4)
    figure.locator(".bar-row").first.click()
    eye = page.locator(".row.pointed").get_by_role("button", name="Draw lr 10")
    expect(eye).to_be_visible()
    fill = figure.locator(".bar-row rect").first.evaluate("bar => getComputedStyle(bar).fill")
    red, green, blue = map(int, re.findall(r"\d+", fill))
    assert f"#{red:02x}{green:02x}{blue:02x}" == swatch(legend(page).nth(2))


def test_the_picture_of_groups_has_their_bands_and_names(page: Page, grouped: Grouped) -> None:
    page.goto(grouped.address)
    figure = find_panel(page, "loss")
    with page.expect_download() as download:
        choose(figure, "SVG")
    svg = ElementTree.parse(download.value.path())
    space = "{http://www.w3.org/2000/svg}"
    bands = list(svg.iter(f"{space}polygon"))
    assert [len(band.get("points", "").split()) for band in bands] == [2 * STEPS] * 3
    assert [band.get("fill") for band in bands] == [swatch(legend(page).nth(i)) for i in range(3)]
    texts = [text.text for text in svg.iter(f"{space}text")]
    assert [f"lr {rate}" for rate in RATES] == texts[-3:]


def test_a_report_has_the_groups_of_its_link_and_their_rows(
    server: ServerProcess, page: Page, grouped: Grouped
) -> None:
    with TrackingClient(server.uri) as client:
        experiment = client.get_run(grouped.runs[0]).info.experiment_id
        text = "```runstream\ngroups=params.lr\nstatistic=median\nmetric=loss\n```\n"
        report = client.create_document(experiment, "report", "Rates", text)
    page.goto(f"{server.http}/#/reports/{report.document_id}")
    figure = page.get_by_role("figure", name="loss, median of 3 groups")
    expect(figure.locator(".plot")).to_have_attribute("data-points", str(3 * STEPS))
    with page.expect_download() as download:
        page.get_by_role("button", name="Export HTML").click()
    text = unquote(download.value.path().read_text())
    middle = np.median(grouped.values["0.1"], axis=0)[0]
    line = re.search(r"^0\.1,loss,0,20,([\d.]+),", text, re.MULTILINE)
    assert line
    assert float(line[1]) == pytest.approx(middle)
