"""Reads charts by the pixels of their canvas."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

from playwright.sync_api import Locator, Page, expect

from support.web_content import Content

See = Callable[[str], Page]

# The request by which charts follow their runs; once it is answered, nothing is missed.
WATCH = re.compile(r"/watch/stream\?.*run_ids=")

_COLUMNS = """
(panel, [red, green, blue, isFaint]) => {
  const canvas = panel.querySelector("canvas");
  const over = panel.querySelector(".u-over").getBoundingClientRect();
  const all = canvas.getBoundingClientRect();
  const scale = canvas.width / all.width;
  const x = Math.round((over.left - all.left) * scale);
  const y = Math.round((over.top - all.top) * scale);
  const [w, h] = [Math.round(over.width * scale), Math.round(over.height * scale)];
  const { data } = canvas.getContext("2d").getImageData(x, y, w, h);
  const columns = [];
  for (let i = 0; i < w; i++) {
    const rows = [];
    for (let j = 0; j < h; j++) {
      const at = 4 * (j * w + i);
      const [r, g, b, a] = data.slice(at, at + 4);
      const isInk = isFaint ? a > 30 && a <= 150 : a > 150;
      if (isInk && Math.abs(r - red) + Math.abs(g - green) + Math.abs(b - blue) < 60)
        rows.push(j / h);
    }
    columns.push(rows);
  }
  return columns;
}
"""


@dataclass
class Drawing:
    """Where a colour is on a plot: for each column of pixels, its rows from 0 (top) to 1."""

    columns: list[list[float]]

    def between(self, start: float, end: float) -> list[list[float]]:
        """The columns between two parts of the width, from 0 to 1."""
        width = len(self.columns)
        return self.columns[round(start * width) : round(end * width)]


def find_panel(page: Page, metric: str) -> Locator:
    found = page.locator("figure.panel").filter(has=page.get_by_title(metric, exact=True))
    found.scroll_into_view_if_needed()
    expect(found).to_have_attribute("aria-busy", "false")
    expect(found.locator("canvas").first).to_be_visible()
    return found


def wait_for_frames(page: Page) -> None:
    """Wait until the page has drawn what it knows."""
    frame = "() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))"
    for _ in range(3):
        page.evaluate(frame)


def choose(figure: Locator, item: str) -> None:
    """Choose something of the menu of a panel."""
    figure.get_by_role("button", name="More of").click()
    figure.get_by_role("menuitem", name=item, exact=True).click()


def panels_text(*items: str) -> str:
    """The parameter of the address for panels that are not as by themselves."""
    return quote(",".join(item.replace("%", "%25").replace(",", "%2C") for item in items))


def take_over(page: Page) -> None:
    """Have the browser take over the pointer, as it does to scroll: it is not let go, but lost."""
    page.evaluate("""
      const lost = new PointerEvent("pointercancel", { pointerId: 1, bubbles: true });
      document.body.dispatchEvent(lost);
    """)


def point_at(figure: Locator, x: int) -> None:
    """Put the cursor over a chart, again if the chart was drawn anew meanwhile."""
    for _ in range(50):
        figure.page.mouse.move(0, 0)
        figure.locator(".u-over").hover(position={"x": x, "y": 60})
        figure.page.wait_for_timeout(50)
        if figure.locator(".values .at").count():
            return


def run_colour(page: Page, run: int = 0) -> tuple[int, int, int]:
    """The colour of a run by its place in the legend."""
    swatch = page.locator(".legend .run-swatch path").nth(run)
    red, green, blue = bytes.fromhex((swatch.get_attribute("stroke") or "#").removeprefix("#"))
    return red, green, blue


def read_drawing(
    figure: Locator, colour: tuple[int, int, int] | None = None, *, is_faint: bool = False
) -> Drawing:
    """Find a colour, that of the first run in the legend if none is named, or what is faint."""
    wanted = [*(colour or run_colour(figure.page)), is_faint]
    return Drawing(figure.evaluate(_COLUMNS, wanted))


def count_drawn(figure: Locator) -> int:
    return int(figure.locator(".plot").get_attribute("data-points") or 0)


def width_of(element: Locator) -> float:
    box = element.bounding_box()
    assert box
    return box["width"]


def drag(page: Page, figure: Locator, start: float, end: float) -> None:
    """Choose a range of the width by the mouse."""
    box = figure.locator(".u-over").bounding_box()
    assert box
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + start * box["width"], y)
    page.mouse.down()
    page.mouse.move(box["x"] + end * box["width"], y, steps=5)
    page.mouse.up()


def open_edges(
    see: See, content: Content, metric: str = "spiky", query: str = ""
) -> tuple[Page, Locator]:
    page = see(f"/runs/{content.edges}?tab=charts{query}")
    return page, find_panel(page, metric)
