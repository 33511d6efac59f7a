"""Pages as they were: pictures that somebody has looked at, compared with what is drawn now.

`make pictures` takes them anew. Masked is what differs between two servers: ids, times, and colours
that depend on ids.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from support.server_process import ServerProcess
from support.web_content import Content

PICTURES = Path(__file__).parent / "pictures"
TAKES_ANEW = os.environ.get("RUNSTREAM_TAKE_PICTURES") == "1"
HEIGHTS = {400: 800, 1440: 900, 2560: 1440}
Pixels = np.ndarray[tuple[int, ...], np.dtype[np.int16]]

# Another build of Chromium moves letters by a pixel or two, and draws their edges otherwise. A tile
# of so many pixels a side differs if this part of it is further from all that is near than that.
MOVED = 2
FAR = 60
TILE = 20
PART = 0.1

EXPERIMENT = "/experiments/{experiment}?colour=params.optimizer&sort=run_name&flat=1"
COLUMNS = "status,params.lr,params.optimizer,metrics.val/loss,minimum.val/loss"


@dataclass(frozen=True)
class Shown:
    """An address at a width, in a theme, and what is masked of it."""

    address: str
    width: int
    theme: str = "light"
    masked: tuple[str, ...] = ()


RUN = ("/runs/{run}", (".facts dd", ".plot", ".timeline"))
COMPARED = ("/compare?runs={runs}&differing=1", (".compared tbody:nth-of-type(1) td",))
SHOWN = {
    "workspace-400": Shown(EXPERIMENT, 400),
    "workspace-1440": Shown(EXPERIMENT, 1440),
    "workspace-2560": Shown(EXPERIMENT, 2560, "dark"),
    "table-1440": Shown(f"{EXPERIMENT}&tab=table&columns={COLUMNS}", 1440),
    "run-400": Shown(RUN[0], 400, "dark", RUN[1]),
    "run-1440": Shown(RUN[0], 1440, "light", RUN[1]),
    "compare-1440": Shown(COMPARED[0], 1440, "dark", COMPARED[1]),
}


def letters() -> str:
    """Return the letters that pages are drawn with here."""
    if not shutil.which("fc-match"):
        return ""
    command = ["fc-match", "--format=%{family}", "system-ui"]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


@pytest.mark.parametrize("name", SHOWN)
def test_a_page_looks_as_it_did(
    browser: Browser, filled: tuple[ServerProcess, Content], tmp_path: Path, name: str
) -> None:
    if letters() != "DejaVu Sans":
        pytest.skip("the pictures have the letters of fonts-dejavu-core")
    drawn = picture(browser, filled, SHOWN[name])
    kept = PICTURES / f"{name}.png"
    if TAKES_ANEW:
        PICTURES.mkdir(exist_ok=True)
        drawn.quantize(128, dither=Image.Dither.NONE).save(kept, optimize=True)
        return
    expected = Image.open(kept).convert("RGB")
    assert drawn.size == expected.size
    found = differing(pixels(drawn), pixels(expected))
    if found:
        drawn.save(tmp_path / f"{name}.png")
        pytest.fail(f"{kept} and {tmp_path / name}.png differ around {found[:10]} (x, y)")


def test_a_lost_label_and_a_moved_column_are_seen() -> None:
    kept = pixels(Image.open(PICTURES / "table-1440.png").convert("RGB"))
    assert not differing(kept, kept)
    # Everything a pixel lower and lighter, as with other letters.
    assert not differing(np.roll(kept, 1, axis=0) + np.where(kept < 250, 5, 0), kept)
    label = kept.copy()
    label[100:120, 1360:1430] = 255  # the last button of the second line
    assert differing(label, kept)
    column = kept.copy()
    column[150:380, 900:1000] = np.roll(column[150:380, 900:1000], 6, axis=1)
    assert differing(column, kept)


def picture(browser: Browser, filled: tuple[ServerProcess, Content], shown: Shown) -> Image.Image:
    """Return what a page shows when all of it is there."""
    server, content = filled
    address = shown.address.format(
        experiment=content.experiment_id, run=content.runs[0], runs=",".join(content.runs)
    )
    context = browser.new_context(
        viewport={"width": shown.width, "height": HEIGHTS[shown.width]},
        color_scheme=shown.theme,  # type: ignore[arg-type]
        reduced_motion="reduce",
        locale="en-GB",
        timezone_id="UTC",
    )
    page = context.new_page()
    page.goto(f"{server.http}/#{address}")
    wait_for_all(page)
    png = page.screenshot(
        animations="disabled", mask=[page.locator(one) for one in shown.masked], mask_color="#888"
    )
    context.close()
    return Image.open(io.BytesIO(png)).convert("RGB")


def wait_for_all(page: Page) -> None:
    """Wait until nothing is read and all charts in sight are drawn."""
    expect(page.get_by_role("heading", level=1)).to_be_visible(timeout=30_000)
    expect(page.locator(".loading")).to_have_count(0, timeout=30_000)
    # The bell is loaded behind all else.
    expect(page.locator(".bell")).to_be_visible(timeout=30_000)
    if "/experiments/" in page.url and "tab=table" not in page.url:
        # Charts are loaded behind the first rows.
        expect(page.locator("figure.panel").first).to_be_visible(timeout=30_000)
    page.wait_for_load_state("networkidle")
    for figure in page.locator("figure.panel").all():
        box = figure.bounding_box()
        if box and box["y"] < page.viewport_size["height"]:  # type: ignore[index]
            expect(figure).to_have_attribute("aria-busy", "false", timeout=30_000)
    page.wait_for_timeout(300)  # they are drawn in the next frames


def pixels(image: Image.Image) -> Pixels:
    return np.asarray(image, dtype=np.int16)


def differing(one: Pixels, other: Pixels) -> list[tuple[int, int]]:
    """Return the tiles in which either has what the other has not nearby."""
    far = (distance(one, other) > FAR) | (distance(other, one) > FAR)
    height, width = (size // TILE * TILE for size in far.shape)
    tiles = far[:height, :width].reshape(height // TILE, TILE, width // TILE, TILE)
    rows, columns = np.nonzero(tiles.mean(axis=(1, 3)) > PART)
    return [(int(x) * TILE, int(y) * TILE) for y, x in zip(rows, columns, strict=True)]


def distance(one: Pixels, other: Pixels) -> Pixels:
    """Return how far each pixel is from the most similar one near its place in the other."""
    least = np.full(one.shape[:2], 255, dtype=np.int16)
    for down in range(-MOVED, MOVED + 1):
        for right in range(-MOVED, MOVED + 1):
            moved = np.roll(other, (down, right), axis=(0, 1))
            np.minimum(least, np.abs(one - moved).max(axis=2), out=least)
    return least
