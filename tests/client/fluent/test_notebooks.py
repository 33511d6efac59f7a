"""Runs in a notebook: how they show, and what a cell that fails does to them, in real kernels."""

from __future__ import annotations

import html
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from runstream import TrackingClient
from runstream.entities import (
    Experiment,
    FoundExperiments,
    FoundRuns,
    Run,
    RunData,
    RunInfo,
    RunInputs,
)
from runstream.entities.notebook_html import CHARACTERS, ROWS
from support.server_process import ServerProcess

Execute = Callable[..., list[list[Any]]]


@pytest.fixture
def execute(server: ServerProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Execute:
    """Execute cells in a kernel, and return the outputs of each."""
    monkeypatch.setenv("RUNSTREAM_TRACKING_URI", server.uri)
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("PYDEVD_DISABLE_FILE_VALIDATION", "1")

    def execute(*cells: str, **environment: str) -> list[list[Any]]:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        notebook = nbformat.v4.new_notebook()  # type: ignore[no-untyped-call]
        for cell in cells:
            made = nbformat.v4.new_code_cell(cell)  # type: ignore[no-untyped-call]
            notebook.cells.append(made)
        with warnings.catch_warnings():  # those of Jupyter are not ours
            warnings.simplefilter("ignore")
            NotebookClient(notebook, timeout=60, kernel_name="python3", allow_errors=True).execute()
        return [list(cell.outputs) for cell in notebook.cells]

    return execute


def text(outputs: list[Any]) -> str:
    return "".join(output.get("text", output.get("evalue", "")) for output in outputs)


def test_a_run_that_is_open_when_a_cell_fails_is_failed_by_the_next_start(
    execute: Execute, client: TrackingClient
) -> None:
    """K9."""
    cells = execute(
        "import runstream\nrun = runstream.start_run()\nrunstream.log_metric('loss', 1.0)\n1 / 0",
        "runstream.log_metric('loss', 0.5, step=1)",  # the run goes on
        "run = runstream.start_run()",
        "runstream.start_run()",  # no cell has failed before: a mistake, as in MLflow
        "raise KeyboardInterrupt",
        "run = runstream.start_run()\nrunstream.end_run()",
        JPY_SESSION_NAME="/home/ada/sweep.ipynb",
    )
    assert "division by zero" in text(cells[0])
    assert cells[1] == []
    assert "was open when a cell failed, and is FAILED now" in text(cells[2])
    assert "is already active" in text(cells[3])
    runs = list(client.search_runs(["0"], order_by=["start_time"]))
    assert [run.info.status for run in runs] == ["FAILED", "KILLED", "FINISHED"]
    assert runs[0].data.metrics == {"loss": 0.5}
    for run in runs:
        assert run.data.tags["mlflow.source.type"] == "NOTEBOOK"
        assert run.data.tags["mlflow.source.name"] == "/home/ada/sweep.ipynb"


def test_runs_experiments_and_searches_show_as_tables(
    execute: Execute, client: TrackingClient
) -> None:
    """K9."""
    cells = execute(
        "import runstream",
        "with runstream.start_run(run_name='<b>bold</b>') as run:\n"
        "    runstream.log_metric('loss', 0.5)\n"
        "    runstream.log_param('p', '<script>')\n"
        "run",
        "runstream.get_run(run.run_id)",
        "runstream.search_runs(output_format='list')",
        "runstream.get_experiment('0')",
        "runstream.search_experiments()",
        RUNSTREAM_SOURCE="all",
    )
    shown = [outputs[-1].data["text/html"] for outputs in cells[1:]]
    for page in shown[:3]:
        assert "&lt;b&gt;bold&lt;/b&gt;" in page
        assert "FINISHED" in page
    for page in shown[1:3]:
        assert "0.5" in page
        assert "&lt;script&gt;" in page
    for page in shown[3:]:
        assert "Default" in page
    for page in shown:
        assert "<script" not in page
    (run,) = client.search_runs(["0"])
    assert run.info.run_id in shown[0]
    source = client.load_dict(run.info.run_id, "source/program.json")
    assert source["arguments"] == []
    assert source["git"]["commit"]  # of the working folder, because the notebook is not known


def run(**params: str) -> Run:
    info = RunInfo("a" * 32, "0", "one", "", "RUNNING", 10**18, None, "uri", "active")
    return Run(info, RunData({}, params, {}), RunInputs(()))


def test_large_tables_are_cut_and_say_so() -> None:
    """K9."""
    page = FoundRuns([run(p="x" * 1000)] * (ROWS + 5))._repr_html_()
    assert page.count("<tr>") == ROWS + 1
    assert f"{'x' * CHARACTERS}…" in page
    assert "and 5 more runs" in page
    many = run(**{f"p{number}": "1" for number in range(500)})
    assert "more columns" in FoundRuns([many])._repr_html_()
    assert "more properties" in many._repr_html_()
    assert len(many._repr_html_()) < 20_000
    assert "0 more" not in FoundRuns([])._repr_html_()


def test_whatever_runs_are_called_is_escaped() -> None:
    """K9."""
    evil = "<img src=x onerror='alert(1)'>"
    experiment = Experiment("1", evil, evil, "active", 0, 0, {evil: evil})
    for page in (
        run(**{evil: evil})._repr_html_(),
        FoundRuns([run(**{evil: evil})])._repr_html_(),
        experiment._repr_html_(),
        FoundExperiments([experiment])._repr_html_(),
    ):
        assert evil not in page
        assert html.escape(evil) in page
