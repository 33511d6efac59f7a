"""The page of one run."""

from __future__ import annotations

import math
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import numpy as np
from playwright.sync_api import Page, expect

from runstream import Dataset, DatasetInput, TrackingClient
from support.server_process import ENVIRONMENT, ServerProcess
from support.web_content import COMMIT, SWEEP, Content

See = Callable[[str], Page]


def fact(page: Page, name: str) -> str:
    return page.locator(f".facts dt:text-is('{name}') + dd").inner_text()


def test_the_overview_tells_what_a_run_is_and_logged(see: See, content: Content) -> None:
    page = see(f"/experiments/{content.experiment_id}/runs/{content.runs[1]}")
    expect(page.get_by_role("heading", level=1)).to_have_text("adam-0.1")
    expect(page.locator(".run-head")).to_contain_text("Finished")
    assert fact(page, "Run id").split() == [content.runs[1], "Copy"]
    assert fact(page, "Source") == "train.py"
    assert fact(page, "Commit") == COMMIT
    assert fact(page, "User") == "ada"
    expect(page.locator(".facts")).to_contain_text("Parent")
    rows = page.get_by_role("region", name="Params").get_by_role("row")
    expect(rows).to_have_text(["ParamValue", "layers3", "lr0.1", "optimizeradam"])
    loss = page.get_by_role("region", name="Metrics").get_by_role("row", name="val/loss")
    last, least, greatest, step = map(float, loss.get_by_role("cell").all_inner_texts())
    assert least <= last < greatest
    assert step == 199
    expect(page.get_by_role("region", name="Tags")).to_contain_text("mlflow.source.git.commit")
    page.get_by_role("link", name="sweep").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("sweep")
    expect(page.locator(".facts")).to_contain_text("Children")
    # What has no parent is not shown as its own.
    expect(page.locator(".facts dt:text-is('Parent')")).to_have_count(0)
    children = [f"{name}-{rate}" for rate, name in reversed(SWEEP)]
    expect(page.locator(".facts .links a")).to_have_text(children)


def test_values_have_the_unit_of_their_key_wherever_they_stand(see: See, content: Content) -> None:
    experiment = f"/experiments/{content.experiment_id}"
    page = see(f"/runs/{content.runs[1]}")
    expect(page.get_by_label("Key metrics").get_by_text("20 s", exact=True)).to_be_visible()
    metrics = page.get_by_role("region", name="Metrics")
    expect(metrics.get_by_role("row", name="epoch_seconds")).to_contain_text("20 s")
    see(f"/compare?runs={','.join(content.runs[:2])}&baseline={content.runs[0]}")
    row = page.locator(".compared").get_by_role("row", name="epoch_seconds")
    expect(row.locator(".number").last).to_have_text("20 s+10 s (+100\u00a0%)")
    see(f"{experiment}?tab=table&groups=params.layers&columns=metrics.epoch_seconds")
    expect(page.locator(".row.grouped .cell.number").first).to_have_text("30 s")
    see(f"{experiment}?tab=charts&flat=1&panels=*1;kind%3Dbar;of%3Depoch_seconds")
    bars = page.locator("figure.panel").first
    expect(bars.locator(".bar-row text").last).to_have_text("10 s")
    expect(bars.locator("svg > text").last).to_have_text("50 s")


def test_datasets_lead_to_all_runs_that_read_them(server: ServerProcess, page: Page) -> None:
    with TrackingClient(server.uri) as client:
        run = client.create_run("0").info.run_id
        dataset = Dataset(
            name="mnist",
            digest="d1",
            source_type="s3",
            source="s3://bucket/mnist",
            schema="",
            profile="",
        )
        client.log_inputs(run, [DatasetInput(dataset, {"mlflow.data.context": "training"})])
        client.create_run("0")
    page.goto(f"{server.http}/#/runs/{run}")
    row = page.get_by_role("region", name="Datasets").get_by_role("row", name="mnist")
    expect(row.get_by_role("cell")).to_have_text(["d1", "training", "s3://bucket/mnist"])
    row.get_by_role("link", name="mnist").click()
    expect(page.locator(".row .name a")).to_have_count(1)
    expect(page).to_have_title("Default · Runstream")


def test_a_value_leads_to_all_runs_that_have_it(see: See, content: Content) -> None:
    page = see(f"/runs/{content.runs[0]}")
    page.get_by_role("region", name="Params").get_by_role("link", name="adam").click()
    expect(page.get_by_role("button", name="Edit params.optimizer = 'adam'")).to_be_visible()
    expect(page.locator(".row .name a")).to_have_text(["adam-0.1", "adam-0.3"])
    page.go_back()
    page.get_by_role("region", name="Tags").get_by_role("link", name="train.py").click()
    expect(page.locator(".row .name a")).to_have_count(7)


def test_status_and_values_move_while_it_runs(server: ServerProcess, page: Page) -> None:
    with TrackingClient(server.uri) as client:
        run = client.create_run("0", run_name="moving").info.run_id
        page.goto(f"{server.http}/#/runs/{run}")
        expect(page.locator(".run-head")).to_contain_text("Running")
        duration = page.locator(".facts dt:text-is('Duration') + dd")
        before = duration.inner_text()
        client.log_metric(run, "loss", 0.25, step=3)
        client.log_param(run, "lr", "0.5")
        client.flush()
        expect(page.get_by_role("region", name="Metrics")).to_contain_text("0.25")
        expect(page.get_by_role("region", name="Params")).to_contain_text("0.5")
        expect(duration).not_to_have_text(before)
        client.set_terminated(run, "KILLED")
        expect(page.locator(".run-head")).to_contain_text("Killed")
        expect(page.locator(".facts")).to_contain_text("Ended")


def test_children_appear_while_a_run_goes_on(server: ServerProcess, page: Page) -> None:
    with TrackingClient(server.uri) as client:
        study = client.create_run("0", run_name="study").info.run_id
        page.goto(f"{server.http}/#/runs/{study}")
        expect(page.locator(".run-head")).to_contain_text("Running")
        expect(page.locator(".facts .links a")).to_have_count(0)
        client.create_run("0", run_name="trial", tags={"mlflow.parentRunId": study})
        expect(page.locator(".facts .links a")).to_have_text(["trial"], timeout=10_000)


def test_the_code_loads_the_run(see: See, content: Content, tmp_path: Path) -> None:
    page = see(f"/runs/{content.runs[0]}")
    page.get_by_role("button", name="Copy: Load this run in Python").click()
    code = page.evaluate("navigator.clipboard.readText()")
    done = subprocess.run(
        [sys.executable, "-c", code + "\nprint(len(history))"],
        cwd=tmp_path,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "'optimizer': 'adam'" in done.stdout
    assert done.stdout.splitlines()[-1] == "1"  # points of `epoch_seconds`, its first metric
    assert (tmp_path / "artifacts" / "summary.json").read_text() == '{"lr": 0.3}'


def test_a_run_is_renamed_deleted_and_restored_by_a_menu(server: ServerProcess, page: Page) -> None:
    with TrackingClient(server.uri) as client:
        run = client.create_run("0", run_name="old").info.run_id
        page.goto(f"{server.http}/#/runs/{run}")
        menu = page.get_by_role("button", name="More about this run")
        menu.focus()
        page.keyboard.press("ArrowDown")
        expect(page.get_by_role("menuitem", name="Rename")).to_be_focused()
        page.keyboard.press("Enter")
        page.get_by_label("Name", exact=True).fill("new")
        page.get_by_role("dialog").get_by_role("button", name="Rename").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("new")
        # What happens to the training is said before.
        menu.click()
        page.get_by_role("menuitem", name="Delete").click()
        expect(page.get_by_role("dialog")).to_contain_text("Its program is not stopped")
        page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        expect(page.get_by_role("button", name="Restore")).to_be_visible()
        assert client.get_run(run).info.lifecycle_stage == "deleted"
        page.get_by_role("button", name="Undo").click()
        expect(menu).to_be_visible()
        assert client.get_run(run).info.lifecycle_stage == "active"
        client.set_terminated(run)
        expect(page.locator(".run-head")).to_contain_text("Finished")
        menu.click()
        page.get_by_role("menuitem", name="Delete").click()
        expect(page.get_by_role("button", name="Restore")).to_be_visible()


def test_a_run_that_is_not_there_is_told(see: See) -> None:
    page = see(f"/runs/{'0' * 32}")
    expect(page.get_by_text("There is no run 0000")).to_be_visible()
    page.get_by_role("link", name="All experiments").click()
    expect(page.get_by_role("heading", name="Experiments")).to_be_visible()


def test_a_series_is_walked_through_step_by_step(server: ServerProcess, page: Page) -> None:
    with TrackingClient(server.uri) as client:
        run = client.create_run("0").info.run_id
        for step in (10, 9, 100):
            client.log_image(run, np.full((2, step), 0.5), key="val/grid", step=step)
        client.log_image(run, np.zeros((2, 2)), key="other", step=10)
        path = client.list_series(run, "images", "val/grid")[0].path
    page.goto(f"{server.http}/#/runs/{run}?tab=artifacts&artifact={quote(path)}")
    slider = page.get_by_role("slider", name="Step of val/grid")
    image = page.get_by_role("region", name="Preview of").get_by_role("img")
    expect(page.get_by_text("1 of 3")).to_be_visible()
    expect(image).to_have_js_property("naturalWidth", 9)
    slider.focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_text("2 of 3")).to_be_visible()
    expect(image).to_have_js_property("naturalWidth", 10)
    expect(slider).to_be_focused()
    page.keyboard.press("End")
    expect(image).to_have_js_property("naturalWidth", 100)
    expect(page.get_by_role("treeitem", selected=True)).to_contain_text("val/grid, step 100")
    expect(page.get_by_role("treeitem")).to_contain_text(
        ["images", *(f"{name}, step {step}" for name, step in SERIES)]
    )


SERIES = [("other", 10), ("val/grid", 9), ("val/grid", 10), ("val/grid", 100)]


def test_histograms_are_drawn_and_other_json_is_a_text(server: ServerProcess, page: Page) -> None:
    with TrackingClient(server.uri) as client:
        run = client.create_run("0").info.run_id
        client.log_histogram(run, [0.0, 0.0, 1.0, 4.0, math.nan], "weights.json", bins=4)
        client.log_histogram(run, [], "none.json", bins=[0, 1, 10])
        for name, text in TEXTS.items():
            client.log_text(run, text, name)
    preview = page.get_by_role("region", name="Preview of")
    bars = preview.get_by_role("img")
    page.goto(f"{server.http}/#/runs/{run}?tab=artifacts&artifact=weights.json")
    expect(bars).to_have_accessible_name(
        "4 values from 0 to 4, up to 2 in one of 4 bins; 1 NaN or infinite"
    )
    expect(bars.locator("path")).to_have_attribute(
        "d", "M0 200V0.00H150.00V100.00H300.00V200.00H450.00V100.00H600.00V200Z"
    )
    page.get_by_role("treeitem", name="none.json").click()
    expect(bars).to_have_accessible_name("0 values from 0 to 10, up to 0 in one of 2 bins")
    for name in TEXTS:
        page.get_by_role("treeitem", name=name).click()
        expect(preview.locator(".source")).to_be_visible()
        expect(bars).to_have_count(0)


TEXTS = {
    "null.json": "null",
    "half.json": '{"edges": [1, 2',
    "flat.json": '{"edges": [1, 1], "counts": [3]}',
    "short.json": '{"edges": [1, 2], "counts": []}',
    "texts.json": '{"edges": ["<b>", 2], "counts": [3]}',
    "counts.json": '{"edges": [1, 2], "counts": "3"}',
}


def test_models_that_a_run_made_are_listed_with_their_files(
    server: ServerProcess, page: Page, tmp_path: Path
) -> None:
    with TrackingClient(server.uri) as client:
        run, other = (client.create_run("0").info.run_id for _ in range(2))
        model = client.create_logged_model(
            "0", name="<b>forest<b>", source_run_id=run, model_type="Classifier"
        )
        for folder, flavor in (("of run", "xgboost"), ("of model", "sklearn")):
            (tmp_path / folder).mkdir()
            text = f"flavors:\n  {flavor}:\n    code: null\n"
            (tmp_path / folder / "MLmodel").write_text(text)
        client.log_artifacts(run, tmp_path / "of run")
        client.log_model_artifacts(model.model_id, tmp_path / "of model")
    page.goto(f"{server.http}/#/runs/{run}")
    row = page.get_by_role("region", name="Models").get_by_role("row").nth(1)
    expect(row).to_contain_text(f"<b>forest<b>models:/{model.model_id}Classifier")
    # Its files are found there, and are not those of the run that have the same path.
    row.get_by_role("link", name="<b>forest<b>").click()
    preview = page.get_by_role("region", name="Preview of MLmodel")
    expect(preview.get_by_role("heading", name="Flavour sklearn")).to_be_visible()
    page.get_by_label("Files of").select_option("the run")
    page.get_by_role("treeitem", name="MLmodel").click()
    expect(preview.get_by_role("heading", name="Flavour xgboost")).to_be_visible()
    expect(preview.get_by_role("heading", name="Flavour sklearn")).to_have_count(0)
    page.go_back()
    expect(preview.get_by_role("heading", name="Flavour sklearn")).to_be_visible()
    page.goto(f"{server.http}/#/runs/{other}")
    expect(page.get_by_role("region", name="Models")).to_have_count(0)


def test_what_matters_is_on_the_first_screen_however_much_there_is(
    server: ServerProcess, page: Page
) -> None:
    page.set_viewport_size({"width": 1440, "height": 900})
    key = f"optimizer/{'schedule_' * 20}{'x' * 60}"
    with TrackingClient(server.uri) as client:
        run = client.create_run("0", tags={"mlflow.note.content": "line\n\n" * 500}).info.run_id
        client.log_params(run, {key: "1", "config": "word " * 2_000, "learning_rate": "0.1"})
        client.log_params(run, {f"p{i}": "value" for i in range(300)})
        names = ["a_rest", "system/cpu", "train/loss", "val/loss"]
        client.log_batch(run, [(name, 1 / (i + 1), i, i) for name in names for i in range(20)])
        client.flush()
    page.goto(f"{server.http}/#/runs/{run}")
    page.reload()
    panels = page.locator("figure.panel .title")
    expect(panels).to_have_text(["val/loss", "train/loss", "a_rest"])
    expect(page.locator(".key-metrics dt")).to_have_text(["val/loss", "train/loss", "a_rest"])
    for part in (".facts", ".key-metrics", ".notes-shown", "figure.panel >> nth=1"):
        box = page.locator(part).bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= 900, part
    # Names are broken between words, and what is long is told in part.
    params = page.get_by_role("region", name="Params")
    name = params.get_by_role("rowheader", name="learning_rate")
    assert name.evaluate("e => e.querySelector('span').getBoundingClientRect().height") < 30
    row = params.get_by_role("row", name="config")
    box = row.bounding_box()
    assert box is not None
    assert box["height"] < 150
    more = row.get_by_role("button", name="more of 10,000 characters")
    more.click()
    expect(row).to_contain_text(("word " * 2_000).strip())
    row.get_by_role("button", name="less").click()
    expect(more).to_be_visible()


def test_the_user_is_that_of_the_tag_where_nothing_else_names_one(
    server: ServerProcess, page: Page
) -> None:
    with TrackingClient(server.uri) as client:
        run = client.create_run("0", run_name="tagged").info.run_id
        client.set_tag(run, "mlflow.user", "grace")
        page.goto(f"{server.http}/#/runs/{run}")
        expect(page.locator(".facts dt:text-is('User') + dd")).to_have_text("grace")
        for columns in ("", "&columns=status,user_id"):
            page.goto(f"{server.http}/#/experiments/0?tab=table{columns}")
            expect(page.locator(".row").get_by_text("grace")).to_be_visible()
        client.set_terminated(run)
        expect(page.locator(".row")).to_contain_text("Finished")
        expect(page.locator(".row").get_by_text("grace")).to_be_visible()


def test_the_timeline_tells_what_happened(server: ServerProcess, page: Page) -> None:
    with TrackingClient(server.uri) as client:
        run = client.create_run("0", tags={"mlflow.user": "ada"}).info.run_id
        client.log_text(run, "one", "a.txt")
        client.log_text(run, "two", "b/c.txt")
        page.goto(f"{server.http}/#/runs/{run}")
        events = page.get_by_role("region", name="Timeline").get_by_role("listitem")
        expect(events).to_have_text(
            [
                re.compile("Started by ada"),
                re.compile("Stored 2 files .* a.txt, b/c.txt"),
                "Running",
            ]
        )
        client.set_tag(run, "stage", "late")
        expect(events.nth(2)).to_contain_text("Tag stage set to “late”")
        client.set_terminated(run, "KILLED")
        expect(events.last).to_contain_text("Killed after")
        client.update_run(run, status="RUNNING")
        for _ in range(2):
            expect(events.filter(has_text=re.compile("Killed|Resumed"))).to_have_text(
                [re.compile("Killed$"), re.compile("Resumed$")]
            )
            page.reload()  # what it tells is of the server
