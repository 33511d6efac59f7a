"""Datasets as inputs of runs (P4)."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest

import runstream
import runstream.data
from runstream import Dataset, InvalidArgument, TrackingClient
from runstream.entities import DatasetInput
from support.server_process import ServerProcess

FRAME = pandas.DataFrame({"x": [1, 2, 3], "y": [0.5, None, 2.0], "who": ["a", "b", "c"]})


@pytest.fixture
def client(server: ServerProcess, monkeypatch: pytest.MonkeyPatch) -> Iterator[TrackingClient]:
    monkeypatch.setenv("RUNSTREAM_TRACKING_URI", server.uri)
    with TrackingClient(server.uri) as client:
        yield client


def test_a_run_has_the_datasets_that_it_read(client: TrackingClient) -> None:
    train = runstream.data.from_pandas(FRAME, "https://example.org/train.csv", "y", "train")
    test = runstream.data.from_numpy(np.eye(3), "s3://bucket/test.npy", name="test")
    with runstream.start_run() as run:
        runstream.log_input(train, "training", {"fold": 1})
        runstream.log_inputs([test, train], ["testing", None], [None, {"seen": "twice"}])
    first, second = client.get_run(run.info.run_id).inputs.dataset_inputs
    assert first.dataset == train
    # What was said first of its use stands (P4).
    assert first.tags == {"mlflow.data.context": "training", "fold": "1"}
    assert (second.dataset, second.tags) == (test, {"mlflow.data.context": "testing"})
    (found,) = client.search_runs(filter_string="datasets.context = 'testing'")
    assert found.inputs == client.get_run(run.info.run_id).inputs


def test_lists_of_different_length_are_refused(client: TrackingClient) -> None:
    data = runstream.data.from_numpy(np.zeros(2))
    with pytest.raises(InvalidArgument, match="1 datasets, 2 contexts"):
        runstream.log_inputs([data], ["a", "b"])
    assert client.count_runs() == 0


def test_a_frame_is_described_by_its_columns() -> None:
    made = runstream.data.from_pandas(FRAME, "data/train.csv", targets="y")
    assert made.name == "dataset"
    assert made.source_type == "local"
    assert json.loads(made.source)["uri"].endswith("/data/train.csv")
    columns = json.loads(made.schema)["mlflow_colspec"]
    assert [(column["name"], column["type"], column["required"]) for column in columns] == [
        ("x", "long", True),
        ("y", "double", False),
        ("who", "string", True),
    ]
    assert json.loads(made.profile) == {"num_rows": 3, "num_elements": 9}
    with pytest.raises(InvalidArgument):
        runstream.data.from_pandas(FRAME, targets="none")


def test_arrays_are_described_by_their_shapes() -> None:
    made = runstream.data.from_numpy({"a": np.zeros((4, 2), np.float32)}, targets=np.arange(4))
    assert made.source_type == "code"
    assert "mlflow.source.name" in json.loads(made.source)["tags"]
    spec = json.loads(json.loads(made.schema)["mlflow_tensorspec"]["features"])
    assert spec[0]["tensor-spec"] == {"dtype": "float32", "shape": [-1, 2]}
    assert json.loads(made.profile)["targets_shape"] == {"data": [4]}


def test_a_digest_is_that_of_the_content(tmp_path: Path) -> None:
    of = runstream.data.from_pandas
    assert of(FRAME).digest == of(FRAME.copy(), "elsewhere", name="other").digest
    assert len(of(FRAME).digest) <= 36
    others = [FRAME.rename(columns={"x": "z"}), FRAME.iloc[::-1], FRAME.assign(x=[1, 2, 4])]
    assert len({of(frame).digest for frame in [FRAME, *others]}) == 4
    arrays: list[Any] = [np.zeros(4), np.zeros((2, 2)), np.zeros(4, np.float32), np.ones(4)]
    assert len({runstream.data.from_numpy(array).digest for array in arrays}) == 4
    file = tmp_path / "data.bin"
    file.write_bytes(bytes(range(256)) * 10_000)
    made = runstream.data.from_file(file)
    assert (made.name, json.loads(made.profile)) == ("data.bin", {"num_bytes": 2_560_000})
    file.write_bytes(bytes(range(256)) * 9_999 + bytes(256))
    assert runstream.data.from_file(file).digest != made.digest
    assert runstream.data.from_file(file, digest="mine").digest == "mine"


def test_a_digest_is_the_same_in_every_process() -> None:
    code = (
        "import pandas, runstream.data as d;"
        "print(d.from_pandas(pandas.DataFrame({'a': ['x', 'y'], 'b': [1, 2]})).digest)"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout
        for _ in range(2)
    }
    assert len(digests) == 1


def test_fields_beyond_their_limits_are_refused(client: TrackingClient) -> None:
    with runstream.start_run() as run, pytest.raises(InvalidArgument) as raised:
        runstream.log_input(Dataset("n", "d" * 37, "local", "{}", "", ""))
    assert raised.value.metadata["field"] == "datasets[0].dataset.digest"
    assert client.get_run(run.info.run_id).inputs.dataset_inputs == ()


def test_what_is_no_frame_or_has_no_such_column_is_named(client: TrackingClient) -> None:
    nothing: Any = {}
    for call, sentence in (
        (
            lambda: runstream.data.from_pandas(FRAME, targets="labl"),
            "Invalid value 'labl' for parameter 'targets' supplied: "
            "it must be a column of the data frame, which has 'x', 'y', 'who'",
        ),
        (
            lambda: runstream.data.from_pandas(nothing),
            "Invalid value {} for parameter 'df' supplied: "
            "it must be a data frame of pandas, not dict",
        ),
        (
            lambda: client.log_inputs("0" * 32, [DatasetInput(nothing, {})]),
            "Invalid value {} for parameter 'dataset' supplied: it must be a dataset, "
            "such as runstream.data.from_pandas makes, not dict",
        ),
    ):
        with pytest.raises(InvalidArgument) as error:
            call()
        assert str(error.value) == sentence
