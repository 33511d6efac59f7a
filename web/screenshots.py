"""Takes the pictures of the README: `make screenshots`, with runs that the tests look at, too."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from support import web_content
from support.server_process import ServerProcess
from support.web_content import Content

IMAGES = Path(__file__).parents[1] / "docs" / "images"
COLUMNS = "status,duration,params.lr,params.optimizer,metrics.val/loss,minimum.val/loss"


def addresses(content: Content) -> dict[str, str]:
    """Return the address of each picture."""
    experiment = f"/experiments/{content.experiment_id}"
    runs = ",".join(content.runs)
    panels = (
        "*1;kind=scatter;in=val/;px=params.lr;py=metrics.val/loss;logx=1,*2;kind=parallel;in=val/"
    )
    panels += ";of=params.lr|params.optimizer|metrics.val/loss"
    found = "filter=params.lr IS NOT NULL&flat=1"
    drawn = f"smoothing=0.6&metric=/train|loss|Parallel/&panels={panels}"
    return {
        "charts": f"{experiment}?{found}&{drawn}",
        "table": f"{experiment}?tab=table&{found}&columns={COLUMNS}&groups=params.optimizer",
        "run": f"/runs/{content.runs[0]}",
        "compare": f"/compare?runs={runs}",
    }


def main() -> None:
    """Fill a server, and take the pictures."""
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        server = ServerProcess(Path(folder, "runs.db"), {"RUNSTREAM_HTTP_PORT": "0"})
        content = web_content.log_content(server.uri)
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        for name, address in addresses(content).items():
            page.goto(f"{server.http}/#{address}")
            page.wait_for_load_state("networkidle")
            page.wait_for_timeout(500)
            if name == "table":
                for group in page.locator(".of-group button").all():
                    group.click()
                page.wait_for_timeout(500)
            page.screenshot(path=IMAGES / f"{name}.png")
        browser.close()
        server.stop()


if __name__ == "__main__":
    main()
