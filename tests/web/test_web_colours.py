"""Colours of runs: one for ever, told apart by everybody, dashed where two are alike."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from runstream import TrackingClient
from support.server_process import ServerProcess
from support.web_content import MARKUP, SWEEP, Content

See = Callable[[str], Page]
Colours = np.ndarray[tuple[int, int], np.dtype[np.float64]]

PALETTE = Path(__file__, "../../../web/src/panels/palette.ts").resolve()
STYLE = Path(__file__, "../../../web/src/style/base.css").resolve()

# Linear RGB as the colour-blind see it (Machado, Oliveira and Fernandes, 2009, severity 1).
SIGHT = {
    "normal": np.eye(3),
    "protan": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deutan": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritan": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}


def linear(codes: list[str]) -> Colours:
    rgb = np.array([[int(code[i : i + 2], 16) / 255 for i in (1, 3, 5)] for code in codes])
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def oklab(rgb: Colours) -> Colours:
    to_cones = [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
    to_lab = [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
    return np.asarray(np.cbrt(np.clip(rgb, 0, 1) @ np.array(to_cones).T) @ np.array(to_lab).T)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_twenty_colours_are_told_apart_by_the_colour_blind_on_their_ground(theme: str) -> None:
    found = re.search(theme + r": \[([^\]]+)\]", PALETTE.read_text())
    assert found
    colours = linear(re.findall("#[0-9a-f]{6}", found[1]))
    assert len(colours) == 20
    grounds = re.findall("--ground: (#[0-9a-f]{6})", STYLE.read_text())
    luminance = np.array([0.2126, 0.7152, 0.0722])
    ground = float(linear([grounds[theme == "dark"]])[0] @ luminance)
    for light in colours @ luminance:
        assert (max(light, ground) + 0.05) / (min(light, ground) + 0.05) >= 3
    for matrix in SIGHT.values():
        seen = oklab(colours @ matrix.T)
        assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)) > 0.05


def swatches(page: Page, where: str) -> dict[str, tuple[str | None, str | None]]:
    """Colour and dashes of each run that is drawn there."""
    entries = page.locator(where).filter(has=page.locator(".run-swatch:not(.off)"))
    found = {}
    for entry in entries.all():
        path = entry.locator(".run-swatch path")
        name = entry.locator("a, button:not(.eye, .twisty)").inner_text().strip()
        found[name] = (path.get_attribute("stroke"), path.get_attribute("stroke-dasharray"))
    return found


def test_the_colour_of_a_run_depends_on_its_id_alone(see: See, content: Content) -> None:
    sweep = [f"{name}-{rate}" for rate, name in SWEEP]
    page = see(f"/experiments/{content.experiment_id}?flat=1&sort=run_name")
    expect(page.locator(".legend button")).to_have_count(6)
    alone = swatches(page, ".legend li")
    page.reload()
    # Another order, after another visit, beside other runs.
    some = ",".join(content.runs[3:0:-1])
    for address, first in (
        (f"?flat=1&sort=start_time&selected={some}", sweep[3]),
        (f"?flat=1&eyes=all&hidden={some}", MARKUP),
    ):
        see(f"/experiments/{content.experiment_id}{address}")
        expect(page.locator(".legend button")).to_have_count(3)
        expect(page.locator(".legend button").first).to_have_text(first)
        for name, (colour, _) in swatches(page, ".legend li").items():
            assert colour == alone[name][0]
    assert set(alone) == {*sweep, MARKUP}


def test_runs_of_one_colour_are_dashed_where_both_are_drawn(
    server: ServerProcess, page: Page
) -> None:
    with TrackingClient(server.uri) as client:
        for number in range(25):  # more than there are colours
            client.log_metric(client.create_run("0", run_name=f"run {number}").info.run_id, "m", 1)
    page.goto(f"{server.http}/#/experiments/0?eyes=all")
    expect(page.locator(".legend button")).to_have_count(25)
    drawn = swatches(page, ".legend li")
    assert len(drawn) == 25
    assert len({colour for colour, _ in drawn.values()}) < 25
    assert len(set(drawn.values())) > len({colour for colour, _ in drawn.values()})
    plain = [colour for colour, dash in drawn.values() if not dash]
    assert len(set(plain)) == len(plain)


def test_runs_are_coloured_by_what_they_have_in_a_column(see: See, content: Content) -> None:
    page = see(f"/experiments/{content.experiment_id}?flat=1")
    page.get_by_label("Colour runs by").select_option("params.optimizer")
    legend = page.get_by_role("list", name="Colours of optimizer")
    expect(legend.get_by_role("listitem")).to_have_text(
        ["optimizer", "none", "adam", "rmsprop", "sgd"]
    )
    drawn = swatches(page, ".legend li")
    assert drawn["adam-0.3"] == drawn["adam-0.1"] != drawn["sgd-0.03"] == drawn["sgd-0.01"]
    listed = swatches(page, ".row .name")
    assert listed["adam-0.3"] == drawn["adam-0.3"]
    assert "colour=params.optimizer" in page.url
    page.get_by_label("Colour runs by").select_option("")
    assert "colour" not in page.url


def test_a_run_that_is_chosen_in_the_legend_is_shown_in_the_list(
    see: See, content: Content
) -> None:
    page = see(f"/experiments/{content.experiment_id}?flat=1&sort=run_name")
    page.locator(".legend").get_by_role("button", name="sgd-0.03").click()
    expect(page.locator(".row.pointed")).to_contain_text("sgd-0.03")
    page.locator(".legend").get_by_role("button", name="sgd-0.03").click()
    expect(page.locator(".row.pointed")).to_have_count(0)
