"""A configuration is logged as params and as a file (P6)."""

from __future__ import annotations

import os
import subprocess
import sys
from argparse import Namespace

import pytest

import runstream
from runstream import InvalidArgument
from support.server_process import ServerProcess

CONFIG = {"optimizer": {"name": "adam", "lr": 1e-05}, "layers": [{"units": 8}, {"units": 4}]}


@pytest.mark.usefixtures("tracking")
def test_a_config_is_params_with_dots_and_a_file_of_yaml() -> None:
    """P6."""
    with runstream.start_run() as run:
        assert runstream.log_config(CONFIG) == "config.yaml"
        assert run.log_config(Namespace(depth=3), prefix="model") == "config.model.yaml"
    assert runstream.get_run(run.run_id).data.params == {
        "optimizer.name": "adam",
        "optimizer.lr": "1e-05",
        "layers.0.units": "8",
        "layers.1.units": "4",
        "model.depth": "3",
    }
    assert runstream.load_dict("config.yaml", run.run_id) == CONFIG
    assert runstream.load_dict("config.model.yaml", run.run_id) == {"depth": 3}


@pytest.mark.usefixtures("tracking")
def test_a_bad_config_logs_nothing() -> None:
    """P6."""
    with runstream.start_run() as run:
        key, long, twice = {"a": 1, "b": {"\n": 2}}, {"b": "x" * 70_000}, {"a": {"b": 1}, "a.b": 2}
        for bad in (key, long, twice):
            with pytest.raises(InvalidArgument):
                runstream.log_config(bad)
        with pytest.raises(InvalidArgument):
            runstream.log_config({"a": 1}, prefix="../..")
        assert run.data.params == {}
        assert runstream.list_artifacts() == []


def test_without_pyyaml_the_file_is_json(server: ServerProcess) -> None:
    program = """
import sys
sys.modules["yaml"] = None
import runstream
with runstream.start_run():
    path = runstream.log_config({"lr": 1e-05})
    print(path, runstream.load_dict(path))
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={
            "RUNSTREAM_TRACKING_URI": server.uri,
            "RUNSTREAM_SPOOL": os.environ["RUNSTREAM_SPOOL"],
        },
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout == "config.json {'lr': 1e-05}\n"


@pytest.mark.usefixtures("tracking")
def test_a_prefix_that_is_no_text_is_refused() -> None:
    match = "type int for parameter 'prefix'"
    with runstream.start_run(), pytest.raises(InvalidArgument, match=match):
        runstream.log_config({"lr": 0.1}, prefix=5)  # type: ignore[arg-type]
    run = runstream.last_active_run()
    assert run is not None
    assert run.data.params == {}
