"""The fluent functions log, read and delete artifacts of the active run (R6)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

import runstream
from runstream import InvalidArgument, TrackingClient
from support.server_process import ServerProcess


@pytest.fixture
def client(server: ServerProcess, monkeypatch: pytest.MonkeyPatch) -> Iterator[TrackingClient]:
    monkeypatch.setenv("RUNSTREAM_TRACKING_URI", server.uri)
    with TrackingClient(server.uri) as client:
        yield client


def test_the_fluent_functions_use_the_active_run(client: TrackingClient, tmp_path: Path) -> None:
    """R6."""
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "f.txt").write_text("file")
    with runstream.start_run() as run:
        runstream.log_artifact(folder / "f.txt")
        runstream.log_artifacts(folder, "all")
        runstream.log_text("t", "t.txt")
        runstream.log_dict({"a": 1}, "d.json")
        runstream.log_figure(Figure(), "fig.png")
        runstream.log_image(np.zeros((2, 2)), "i.png")
        runstream.log_table({"a": [1]}, "table.json")
        root = f"mlflow-artifacts:/0/{run.info.run_id}/artifacts"
        assert runstream.get_artifact_uri() == root
        assert runstream.get_artifact_uri("a/b.txt") == f"{root}/a/b.txt"
        assert len(runstream.list_artifacts()) == 7
        assert runstream.load_text("t.txt") == "t"
    run_id = run.info.run_id
    assert runstream.load_dict("d.json", run_id) == {"a": 1}
    assert runstream.load_text(f"runs:/{run_id}/all/f.txt") == "file"
    assert runstream.load_table("table.json", run_id)["a"].tolist() == [1]
    local = runstream.download_artifacts("t.txt", run_id, dst_path=tmp_path / "copy")
    assert Path(local).read_text() == "t"
    runstream.delete_artifacts("all", run_id)
    assert [f.path for f in runstream.list_artifacts("all", run_id)] == []
    with pytest.raises(InvalidArgument, match="the URI names"):
        runstream.load_text(f"runs:/{run_id}/t.txt", "0" * 32)
    assert client.get_run(run_id).info.status == "FINISHED"
