"""Columns of the table: their width, their order, those that stay, and those to begin with."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, Request, expect

from runstream import TrackingClient
from support.server_process import ServerProcess
from support.waiting import wait_until

TIMES = ["Status", "Started", "Duration", "User"]
BEGIN = [*TIMES, "val_loss", "test/acc", "train/loss", "a_other", "system/cpu"]


def heads(page: Page) -> Locator:
    return page.locator("[data-column] .title")


def head(page: Page, column: str) -> Locator:
    return page.locator(f"[data-column='{column}']")


def is_ascending(indexes: list[int]) -> bool:
    return indexes[0] > 2 and indexes == list(range(indexes[0], indexes[0] + len(indexes)))


def test_columns_are_sized_moved_and_pinned_and_stand_in_the_link(
    server: ServerProcess, page: Page
) -> None:
    with TrackingClient(server.uri) as client:
        run = client.create_run()
        for key in ("a", "b", "c"):
            client.log_param(run.info.run_id, key, "1")
    page.goto(f"{server.http}/#/experiments/0?tab=table&columns=params.a,params.b,params.c,status")
    expect(heads(page)).to_have_text(["a", "b", "c", "Status"])
    before = head(page, "params.a").bounding_box()
    assert before
    edge = head(page, "params.a").get_by_role("separator")
    at = edge.bounding_box()
    assert at
    page.mouse.move(at["x"] + 4, at["y"] + 10)
    page.mouse.down()
    page.mouse.move(at["x"] + 104, at["y"] + 10, steps=4)
    page.mouse.up()
    expect(head(page, "params.a")).to_have_css("width", f"{before['width'] + 100:g}px")
    head(page, "params.a").get_by_role("button", name="a", exact=True).press("Alt+ArrowLeft")
    expect(head(page, "params.a")).to_have_css("width", f"{before['width'] + 84:g}px")

    head(page, "params.c").locator(".title").drag_to(head(page, "params.a"))
    expect(heads(page)).to_have_text(["c", "a", "b", "Status"])
    head(page, "params.c").get_by_role("button", name="c", exact=True).press("Shift+ArrowRight")
    expect(heads(page)).to_have_text(["a", "c", "b", "Status"])
    head(page, "status").get_by_role("button", name="Status", exact=True).press("p")
    expect(heads(page)).to_have_text(["Status", "a", "c", "b"])
    expect(head(page, "status").get_by_role("button", name="Status", exact=True)).to_be_focused()
    expect(head(page, "status")).to_have_css("position", "sticky")

    other = page.context.new_page()
    other.goto(page.url)
    expect(heads(other)).to_have_text(["Status", "a", "c", "b"])
    expect(head(other, "params.a")).to_have_css("width", f"{before['width'] + 84:g}px")


def test_columns_to_begin_with_are_those_that_tell_runs_apart(
    server: ServerProcess, page: Page
) -> None:
    with TrackingClient(server.uri) as client:
        for i in range(3):
            tags = {"mlflow.user": "ada"}
            run = client.create_run(tags=tags).info.run_id
            client.log_param(run, "fixed", "1")
            client.log_param(run, "lr", str(i))
            for key in ("a_other", "system/cpu", "train/loss", "val_loss", "test/acc"):
                client.log_metric(run, key, i)
    page.goto(f"{server.http}/#/experiments/0?tab=table")
    page.set_viewport_size({"width": 2000, "height": 700})
    expect(heads(page)).to_have_text([*BEGIN, "lr"])
    expect(page.locator(".row").first).to_contain_text("ada")
    page.get_by_role("button", name="Columns").click()
    page.get_by_label("Search columns").fill("param")
    page.get_by_label("All found").click()
    expect(page.get_by_label("All found")).to_be_checked()
    page.get_by_label("All found").click()
    page.keyboard.press("Escape")
    expect(heads(page)).to_have_text(BEGIN)


def test_a_jump_reads_what_is_in_sight_and_little_else(server: ServerProcess, page: Page) -> None:
    with TrackingClient(server.uri) as client:
        client.create_run(run_name="first", start_time=1)
    server.query(
        "WITH RECURSIVE number(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM number WHERE i < 5000) "
        "INSERT INTO run (uuid, experiment_id, name, user_id, status, start_time, artifact_uri, "
        "deleted, deleted_with_experiment) SELECT lower(hex(randomblob(16))), 0, 'r' || i, '', 3, "
        "i + 1, '', 0, 0 FROM number"
    )
    page.goto(f"{server.http}/#/experiments/0?tab=table")
    expect(page.locator(".row a").first).to_have_text("r5000")
    searches: list[str] = []

    def count_search(request: Request) -> None:
        if "runs/search" in request.url:
            searches.append(request.url)

    page.on("request", count_search)
    page.get_by_role("treegrid").focus()
    page.keyboard.press("End")
    expect(page.locator(".row a").last).to_have_text("first")
    assert len(searches) < 10
    page.get_by_role("treegrid").evaluate("grid => { grid.scrollTop = 32 * 2500 }")
    expect(page.get_by_role("link", name="r2495", exact=True)).to_be_visible()


def test_a_row_in_sight_keeps_its_element_and_rows_at_rest_stand_in_their_order(
    server: ServerProcess, page: Page
) -> None:
    long = "a value that is longer than its column is wide"
    with TrackingClient(server.uri) as client:
        for number in range(120):
            run = client.create_run(run_name=f"r{number}")
            value = long if number % 2 else "short"
            client.log_param(run.info.run_id, "text", value)
    page.goto(f"{server.http}/#/experiments/0?tab=table&columns=params.text,status")
    grid = page.get_by_role("treegrid")
    expect(page.get_by_role("row", name="r119")).to_contain_text("Running")
    # Ten rows further, a row that was in sight is still the same element.
    kept = grid.evaluate(
        """async (grid) => {
          const frame = () => new Promise(requestAnimationFrame);
          const row = grid.querySelector("#line-12");
          const text = row.innerText;
          for (let top = 0; top <= 320; top += 32) { grid.scrollTop = top; await frame(); }
          await frame();
          return row === grid.querySelector("#line-12") && row.innerText === text;
        }"""
    )
    assert kept
    rows = "rows => rows.map((row) => +row.ariaRowIndex)"
    wait_until(lambda: is_ascending(grid.locator(".row").evaluate_all(rows)), seconds=5)
    # What does not fit is cut off with an ellipsis, and lies over no other cell.
    cut = page.get_by_role("gridcell", name=long).first
    assert cut.evaluate("cell => getComputedStyle(cell).overflowX") == "hidden"
    assert page.get_by_role("gridcell", name="short").first.evaluate(
        "cell => cell.scrollWidth <= cell.clientWidth"
    )
    grid.focus()
    page.keyboard.press("End")
    expect(page.locator(".row a").last).to_have_text("r0")


def test_the_narrow_list_shows_a_metric_that_some_run_has(
    server: ServerProcess, page: Page
) -> None:
    with TrackingClient(server.uri) as client:
        run = client.create_run(run_name="only")
        client.log_metric(run.info.run_id, "loss", 0.25)
    page.goto(f"{server.http}/#/experiments/0?columns=metrics.gone,metrics.loss")
    expect(heads(page)).to_have_text(["loss"])
    expect(page.get_by_role("row", name="only")).to_contain_text("0.25")
    page.goto(f"{server.http}/#/experiments/0?columns=metrics.gone,metrics.loss&sort=metrics.gone")
    expect(heads(page)).to_have_text(["gone"])


def test_the_narrow_list_shows_the_metric_that_most_runs_have(
    server: ServerProcess, page: Page
) -> None:
    with TrackingClient(server.uri) as client:
        client.log_metric(client.create_run(run_name="sweep").info.run_id, "best_val_loss", 0.5)
        for i in range(3):
            run = client.create_run(run_name=f"trial {i}").info.run_id
            client.log_param(run, "arch", "cnn")
            client.log_metric(run, "val_loss", 0.75)
    page.goto(f"{server.http}/#/experiments/0")
    expect(heads(page)).to_have_text(["val_loss"])
    page.goto(f"{server.http}/#/experiments/0?groups=params.arch,run_name")
    expect(heads(page)).to_have_text(["val_loss"])
    expect(page.get_by_role("row", name="trial 2")).to_contain_text("0.75")


def test_columns_to_begin_with_stay_when_runs_are_sorted(server: ServerProcess, page: Page) -> None:
    """Also where the runs that are first then differ in less."""
    with TrackingClient(server.uri) as client:
        for i in range(110):
            run = client.create_run().info.run_id
            client.log_param(run, "batch", "8" if i < 105 else "16")
            client.log_param(run, "fixed", "1")
            client.log_param(run, "seed", str(i))
    page.goto(f"{server.http}/#/experiments/0?tab=table")
    columns = ["Status", "Started", "Duration", "batch", "seed"]
    expect(heads(page)).to_have_text(columns)
    head(page, "params.batch").get_by_role("button", name="batch", exact=True).click()
    expect(page.get_by_role("row").nth(1)).to_contain_text("8")
    expect(heads(page)).to_have_text(columns)
    expect(head(page, "params.batch")).to_have_attribute("aria-sort", "ascending")
    other = page.context.new_page()
    other.goto(page.url.replace("params.batch", "params.fixed"))
    expect(heads(other)).to_contain_text(["fixed"])
