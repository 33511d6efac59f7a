"""Reports: markdown with live charts, written in the browser and taken along as a file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from runstream import TrackingClient
from support.server_process import ServerProcess


@pytest.fixture
def client(server: ServerProcess) -> Iterator[TrackingClient]:
    with TrackingClient(server.uri) as client:
        yield client


@pytest.fixture
def experiment(client: TrackingClient) -> str:
    """An experiment with two runs, of which one goes on."""
    experiment = client.create_experiment("reported")
    for name in ("first", "second"):
        run_id = client.create_run(experiment, run_name=name).info.run_id
        for step in range(20):
            client.log_metrics(run_id, {"loss": 1 / (step + 1), "acc": step}, step=step)
        client.flush()
    return experiment


TEXT = """# Findings

The *second* is better.<script>document.title = "hostile"</script>

```runstream
filter=run_name = 'second'
metric=loss
```

```python
print("```runstream is text here")
```
"""


def test_a_report_is_written_with_live_charts_and_read_by_its_link(
    server: ServerProcess, page: Page, experiment: str, client: TrackingClient
) -> None:
    page.goto(f"{server.http}/#/experiments/{experiment}")
    page.get_by_role("link", name="Reports").click()
    page.get_by_role("button", name="New report").click()
    page.get_by_role("dialog").get_by_label("Title").fill("Depth")
    page.get_by_role("button", name="Create").click()
    page.get_by_label("Report, in markdown").fill(TEXT)
    preview = page.get_by_role("region", name="Preview")
    expect(preview.get_by_role("heading", name="Findings")).to_be_visible()
    chart = preview.get_by_role("figure", name="loss")
    expect(chart.locator("[data-points='20']")).to_be_visible()
    page.get_by_role("button", name="Save").click()
    article = page.get_by_role("article")
    expect(article.get_by_role("figure", name="loss")).to_be_visible()
    expect(article.get_by_role("figure", name="acc")).to_have_count(0)
    expect(page).to_have_title("Depth · Runstream")
    (run_id,) = [run.info.run_id for run in client.search_runs([experiment], "run_name = 'second'")]
    client.log_metric(run_id, "loss", 0.0, step=20)
    client.flush()
    expect(article.locator("[data-points='21']")).to_be_visible()
    page.get_by_role("navigation", name="Breadcrumbs").get_by_role("link", name="Reports").click()
    page.get_by_role("link", name="Depth").click()
    expect(page.get_by_role("article")).to_contain_text("The second is better.")


def test_somebody_elses_change_of_a_report_is_told_before_it_is_replaced(
    server: ServerProcess, page: Page, experiment: str, client: TrackingClient
) -> None:
    report = client.create_document(experiment, "report", "Shared", "one")
    page.goto(f"{server.http}/#/reports/{report.document_id}")
    page.get_by_role("button", name="Edit").click()
    area = page.get_by_label("Report, in markdown")
    area.fill("mine")
    client.update_document(report, text="theirs")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("has changed 'Shared' meanwhile")
    assert client.get_document(report.document_id).text == "theirs"
    page.once("dialog", lambda dialog: dialog.dismiss())  # what is not saved is not lost by a slip
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Experiments").click()
    expect(area).to_have_value("mine")
    page.get_by_role("button", name="Replace it by mine").click()
    expect(page.get_by_role("article")).to_contain_text("mine")
    assert client.get_document(report.document_id).text == "mine"


def test_an_exported_report_shows_its_charts_without_a_server(
    server: ServerProcess,
    page: Page,
    browser: Browser,
    experiment: str,
    client: TrackingClient,
    tmp_path: Path,
) -> None:
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    report = client.create_document(experiment, "report", "Depth </title><b>", TEXT)
    page.goto(f"{server.http}/#/reports/{report.document_id}")
    expect(page.get_by_role("article").get_by_role("figure")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Export HTML").click()
    file = tmp_path / "report.html"
    download.value.save_as(file)
    assert said == []  # the policy of the page is not broken by what is made in it
    offline = browser.new_context(offline=True)
    alone = offline.new_page()
    requests: list[str] = []
    alone.on("request", lambda request: requests.append(request.url.split(":")[0]))
    alone.goto(file.as_uri())
    expect(alone).to_have_title("Depth </title><b>")
    expect(alone.get_by_text("The second is better.")).to_be_visible()
    picture = alone.get_by_role("img", name="Chart of loss")
    assert picture.evaluate("image => image.naturalWidth") > 100
    expect(alone.get_by_role("button")).to_have_count(0)
    expect(alone.get_by_text("⋯")).to_have_count(0)
    section, metrics = alone.locator("summary h2, summary .hint").all()
    ends = [box["y"] + box["height"] for part in (section, metrics) if (box := part.bounding_box())]
    assert abs(ends[0] - ends[1]) < 10, "the name of a section and its number are in one line"
    with alone.expect_download() as points:
        alone.get_by_role("link", name="Points as CSV").click()
    lines = Path(points.value.path()).read_text().splitlines()
    assert len(lines) == 21
    assert set(requests) <= {"file", "data"}
    offline.close()


def test_an_exported_report_has_drawings_tables_and_texts_of_panels(
    server: ServerProcess,
    page: Page,
    browser: Browser,
    experiment: str,
    client: TrackingClient,
    tmp_path: Path,
) -> None:
    kinds = (
        "*1;kind=scatter;px=metrics.loss;py=metrics.acc",
        "*2;kind=parallel;of=metrics.loss|metrics.acc",
        "*3;kind=table;of=metrics.loss",
        "*4;kind=text;text=**told** here",
    )
    text = f"```runstream\nmetric=/Parallel|by|Numbers|Text/\npanels={','.join(kinds)}\n```\n"
    report = client.create_document(experiment, "report", "Drawn", text)
    page.goto(f"{server.http}/#/reports/{report.document_id}")
    expect(page.get_by_role("article").get_by_role("figure")).to_have_count(4)
    with page.expect_download() as download:
        page.get_by_role("button", name="Export HTML").click()
    file = tmp_path / "report.html"
    download.value.save_as(file)
    offline = browser.new_context(offline=True)
    alone = offline.new_page()
    alone.goto(file.as_uri())
    pictures = alone.get_by_role("img", name="Chart of")
    expect(pictures).to_have_count(2)
    for picture in pictures.all():
        assert picture.evaluate("image => image.naturalWidth") > 100
    expect(alone.get_by_role("row", name="second")).to_contain_text("0.05")
    expect(alone.locator("figure strong")).to_have_text("told")
    offline.close()
