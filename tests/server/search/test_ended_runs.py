"""Searches keep what runs that ended logged, and yet show what is written to them later."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from peewee import SqliteDatabase
from playhouse.migrations import Runner

from runstream.v1 import run_service_pb2 as pb
from runstream.v1.logging_service_pb2 import (
    LogBatchRequest,
    LogMetricRequest,
    LogRequest,
    RunUpdate,
)
from runstream.v1.run_pb2 import (
    Dataset,
    DatasetInput,
    ModelInput,
    ModelOutput,
    Param,
    Run,
    RunStatus,
    RunTag,
)
from runstream_service.engine.sqlite import SqliteEngine
from support.api import Api, make_batch
from support.run_batches import everything
from support.server_process import ServerProcess


def request(run_id: str) -> pb.SearchRunsRequest:
    """Return the request that searches for a run."""
    return pb.SearchRunsRequest(filter=f"run_id = '{run_id}'")


def search(api: Api, run_id: str) -> Run:
    """Return a run as a search finds it, which is the same as GetRun returns."""
    (found,) = api.runs.SearchRuns(request(run_id)).runs
    assert found == api.runs.GetRun(pb.GetRunRequest(run_id=run_id)).run
    return found


def end(api: Api, run_id: str) -> None:
    api.runs.UpdateRun(pb.UpdateRunRequest(run_id=run_id, status=RunStatus.FINISHED))


def test_a_search_shows_every_write_to_a_run_that_ended(shared: Api) -> None:
    api = shared
    run = api.create_run()
    api.logging.Log(
        LogRequest(
            run_id=run,
            params=[Param(key="p", value="1")],
            tags=[RunTag(key="t"), RunTag(key="u")],
        )
    )
    data = Dataset(name="d", digest="1", source_type="local", source="x")
    writes: list[Callable[[], object]] = [
        lambda: end(api, run),
        lambda: api.logging.LogMetric(LogMetricRequest(run_id=run, key="m", value=1, timestamp=1)),
        lambda: api.log_batches([make_batch(run, [("m", 2, 2, 2.0)])]),
        lambda: api.runs.LogParam(pb.LogParamRequest(run_id=run, key="q", value="2")),
        lambda: api.runs.SetTag(pb.SetTagRequest(run_id=run, key="t", value="new")),
        lambda: api.runs.DeleteTag(pb.DeleteTagRequest(run_id=run, key="t")),
        lambda: api.runs.LogInputs(
            pb.LogInputsRequest(run_id=run, datasets=[DatasetInput(dataset=data)])
        ),
        lambda: api.runs.LogInputs(
            pb.LogInputsRequest(run_id=run, models=[ModelInput(model_id="m-1")])
        ),
        lambda: api.runs.LogOutputs(
            pb.LogOutputsRequest(run_id=run, models=[ModelOutput(model_id="m-2", step=1)])
        ),
        lambda: api.log_batches([LogBatchRequest(run_id=run, deleted_tags=["u"])]),
        lambda: api.log_batches([LogBatchRequest(run_id=run, **everything("other"))]),
        lambda: api.log_batches([LogBatchRequest(run_id=run, update=RunUpdate(end_time=7))]),
        lambda: api.runs.LogModel(pb.LogModelRequest(run_id=run, model_json='{"a": 1}')),
        lambda: api.runs.UpdateRun(pb.UpdateRunRequest(run_id=run, run_name="other")),
        lambda: api.runs.UpdateRun(pb.UpdateRunRequest(run_id=run, end_time=5)),
        lambda: api.runs.UpdateRun(pb.UpdateRunRequest(run_id=run, status=RunStatus.RUNNING)),
        lambda: api.log_batches([make_batch(run, [("m", 3, 3, 3.0)])]),
        lambda: end(api, run),
        lambda: api.log_batches([make_batch(run, [("m", 4, 4, 4.0)])]),
    ]
    before = search(api, run)
    for write in writes:
        write()
        found = search(api, run)
        assert found != before
        assert found == search(api, run)
        before = found
    api.runs.DeleteRun(pb.DeleteRunRequest(run_id=run))
    assert not api.runs.SearchRuns(request(run)).runs
    api.runs.RestoreRun(pb.RestoreRunRequest(run_id=run))
    assert search(api, run) == before


def test_a_search_for_some_keys_finds_them_whatever_one_for_all_found(shared: Api) -> None:
    api = shared
    run = api.create_run()
    params = [Param(key="p", value="1"), Param(key="q", value="2")]
    api.logging.Log(LogRequest(run_id=run, params=params))
    end(api, run)
    whole = search(api, run)
    some = request(run)
    some.param_keys.keys.append("q")
    (found,) = api.runs.SearchRuns(some).runs
    assert list(found.data.params) == params[1:]
    assert search(api, run) == whole


def test_a_search_shows_that_a_run_is_lost_and_that_it_is_back(
    start_server: Callable[..., ServerProcess], connect: Callable[[str], Api]
) -> None:
    api = connect(start_server(RUNSTREAM_LOST_AFTER="0.4").address)
    run = api.create_run()

    def is_lost() -> bool:
        (found,) = api.runs.SearchRuns(request(run)).runs
        has_tag = "runstream.lost" in [tag.key for tag in found.data.tags]
        assert has_tag == (found.info.status == RunStatus.FAILED)
        return has_tag

    for name in ("a", "b", "c"):
        assert not api.log_batches([make_batch(run)])[0].HasField("error")  # a heartbeat
        give_up = time.monotonic() + 30
        while not is_lost():
            assert time.monotonic() < give_up
            time.sleep(0.02)
        # This gives the run a revision, and the next heartbeat takes it away.
        api.runs.UpdateRun(pb.UpdateRunRequest(run_id=run, run_name=name))
        assert search(api, run).info.run_name == name


def test_runs_that_ended_get_a_revision_from_an_upgrade(tmp_path: Path) -> None:
    file = tmp_path / "old.db"
    Runner(SqliteDatabase(str(file)), str(SqliteEngine.MIGRATIONS)).up("0018_columns")
    with closing(sqlite3.connect(file)) as old, old:
        for status in RunStatus.values()[1:]:
            old.execute(
                "INSERT INTO run (id, uuid, experiment_id, name, user_id, status, start_time, "
                "artifact_uri, deleted, deleted_with_experiment, purging) "
                "VALUES (?, ?, 1, '', '', ?, 1, '', 0, 0, 0)",
                (status, f"{status:032x}", status),
            )
    assert ServerProcess(file).stop() == ""
    with closing(sqlite3.connect(file)) as upgraded:
        revisions = dict(upgraded.execute("SELECT status, revision FROM run ORDER BY id"))
    going_on = (RunStatus.RUNNING, RunStatus.SCHEDULED)
    assert [revisions.pop(status) for status in going_on] == [None, None]
    assert None not in revisions.values()
    assert len(set(revisions.values())) == 3
