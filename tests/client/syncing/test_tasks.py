"""Files and models of a folder, which are delivered after its batches."""

from __future__ import annotations

from pathlib import Path

from runstream import TrackingClient
from runstream.spool.refused_log import read_refusals
from runstream.syncing.sync import sync
from runstream.v1 import logged_model_service_pb2 as models
from runstream.v1.logged_model_pb2 import (
    LOGGED_MODEL_READY,
    LoggedModelParameter,
    LoggedModelTag,
)
from runstream.v1.logging_service_pb2 import LogBatchRequest, RunStart
from runstream.v1.run_pb2 import RunTag
from runstream.v1.spool_pb2 import SpoolTask
from support.spools import (
    append_tasks,
    append_upload,
    left_folder,
)


def test_contents_go_once_they_are_uploaded_and_what_is_refused_keeps_its_own(
    client: TrackingClient, run_id: str, spool: Path
) -> None:
    folder = left_folder(spool, client.tracking_uri)
    append_upload(folder, run_id, "a.txt", b"a")
    append_upload(folder, "f" * 32, "b.txt", b"b")
    append_upload(folder, run_id, "c.txt", b"c")
    result = sync(spool)
    assert (result.files, result.refused) == (2, 1)
    assert [path.name for path in folder.files.iterdir()] == ["b.txt"]


def test_files_are_uploaded_after_the_batches(
    client: TrackingClient, spool: Path, tmp_path: Path
) -> None:
    run_id = "0123456789abcdef0123456789abcdef"
    start = RunStart(experiment_id="0", user_id="ada", run_name="offline", start_time=1_000)
    batch = LogBatchRequest(run_id=run_id, start=start, tags=[RunTag(key="a", value="b")])
    folder = left_folder(spool, client.tracking_uri, [batch.SerializeToString()])
    append_upload(folder, run_id, "model/weights.bin", b"abc" * 1_000_000)
    append_upload(folder, run_id, "notes.txt", b"hello")
    result = sync(spool)
    assert (result.batches, result.files) == (1, 2)
    assert result.folders[0].is_removed
    path = client.download_artifacts(run_id, "model/weights.bin", tmp_path / "there")
    assert Path(path).read_bytes() == b"abc" * 1_000_000


def test_a_file_whose_run_is_unknown_or_that_is_not_whole_is_set_aside(
    client: TrackingClient, run_id: str, spool: Path
) -> None:
    folder = left_folder(spool, client.tracking_uri)
    append_upload(folder, "f" * 32, "a.txt", b"a")
    append_upload(folder, run_id, "b.txt", b"b")
    append_upload(folder, run_id, "c.txt", b"c")
    append_upload(folder, run_id, "d.txt", b"d")
    (folder.files / "b.txt").write_bytes(b"")
    (folder.files / "c.txt").unlink()
    result = sync(spool)
    assert (result.files, result.refused) == (1, 3)
    refusals = list(read_refusals(folder.refused))
    assert [refusal.task.upload.path for refusal in refusals] == ["a.txt", "b.txt", "c.txt"]
    assert [refusal.error.reason for refusal in refusals[1:]] == [
        "FILE_INCOMPLETE",
        "FILE_MISSING",
    ]
    assert (folder.files / "a.txt").exists()


def test_models_are_created_with_their_params_tags_and_files(
    client: TrackingClient, run_id: str, spool: Path
) -> None:
    folder = left_folder(spool, client.tracking_uri)
    model_id = "m-" + "1" * 32
    append_tasks(
        folder,
        SpoolTask(
            create_model=models.CreateLoggedModelRequest(
                experiment_id="0", name="forest", source_run_id=run_id, model_id=model_id
            )
        ),
        SpoolTask(
            log_model_params=models.LogLoggedModelParamsRequest(
                model_id=model_id, params=[LoggedModelParameter(key="depth", value="3")]
            )
        ),
        SpoolTask(
            set_model_tags=models.SetLoggedModelTagsRequest(
                model_id=model_id, tags=[LoggedModelTag(key="kind", value="tree")]
            )
        ),
    )
    append_upload(folder, model_id, "weights.bin", b"abc")
    finalize = models.FinalizeLoggedModelRequest(model_id=model_id, status=LOGGED_MODEL_READY)
    append_tasks(folder, SpoolTask(finalize_model=finalize))
    result = sync(spool)
    assert result.is_complete
    assert (result.files, result.folders[0].is_removed) == (1, True)
    model = client.get_logged_model(model_id)
    assert (model.params, model.tags["kind"]) == ({"depth": "3"}, "tree")
    assert model.status == "READY"
    assert [file.path for file in client.list_artifacts(model_id)] == ["weights.bin"]


def test_a_task_of_a_newer_version_is_set_aside(
    client: TrackingClient, run_id: str, spool: Path
) -> None:
    folder = left_folder(spool, client.tracking_uri)
    append_tasks(folder, SpoolTask.FromString(b"\x78\x01"))  # a field that is not there yet
    append_upload(folder, run_id, "a.txt", b"a")
    assert (sync(spool).refused, len(client.list_artifacts(run_id))) == (1, 1)
    assert [refusal.error.reason for refusal in read_refusals(folder.refused)] == ["TASK_UNKNOWN"]
