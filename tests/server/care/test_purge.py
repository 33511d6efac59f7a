"""A purge removes all that is deleted, and nothing else: row E5 of docs/behaviour.md."""

from __future__ import annotations

import random
import sqlite3
import time
from contextlib import closing

from grpc import StatusCode

from runstream.v1 import experiment_service_pb2 as experiments_pb
from runstream.v1.maintenance_service_pb2 import PurgeRequest, PurgeResponse
from runstream.v1.run_pb2 import ViewType
from runstream.v1.run_service_pb2 import (
    CreateRunRequest,
    GetRunRequest,
    RestoreRunRequest,
)
from runstream.v1.watch_service_pb2 import WatchRequest
from support.api import Api, expect_refusal, make_batch
from support.artifacts import files_below
from support.purging import (
    count_rows,
    create_experiment,
    create_full_run,
    delete_experiment,
    delete_runs,
    purge,
    read_run_and_points,
    visible_run_ids,
)
from support.server_process import ServerProcess


def test_all_that_is_deleted_goes_and_nothing_else(server: ServerProcess, api: Api) -> None:
    """E5."""
    empty = count_rows(server)
    kept = create_full_run(api)
    before = count_rows(server)
    alone = read_run_and_points(api, kept)
    gone = create_experiment(api, "gone")
    runs = [create_full_run(api), create_full_run(api, gone), create_full_run(api, gone)]
    delete_experiment(api, gone)
    delete_runs(api, runs[0])
    newest = (
        api.create_run()
    )  # or else the newest run, and what it refers to, would be a deleted one
    create_experiment(api, "newest")

    said = PurgeResponse(experiments=1, runs=3, points=60, artifacts=3, artifact_bytes=96)
    assert purge(api, dry_run=True) == said
    assert visible_run_ids(api) == {kept, newest, *runs}
    assert purge(api) == said
    assert purge(api) == purge(api, dry_run=True) == PurgeResponse()

    before |= {"experiment": empty["experiment"] + 1, "run": 2, "run_tag": before["run_tag"] + 1}
    assert count_rows(server) == before
    assert read_run_and_points(api, kept) == alone
    assert visible_run_ids(api) == {kept, newest}
    assert len(files_below(server.database.with_name("artifacts"))) == 2
    with expect_refusal(StatusCode.NOT_FOUND, "RUN_NOT_FOUND"):
        api.runs.GetRun(GetRunRequest(run_id=runs[0]))
    with expect_refusal(StatusCode.NOT_FOUND, "RUN_NOT_FOUND"):
        api.runs.RestoreRun(RestoreRunRequest(run_id=runs[1]))
    with expect_refusal(StatusCode.NOT_FOUND, "EXPERIMENT_NOT_FOUND"):
        api.experiments.GetExperiment(experiments_pb.GetExperimentRequest(experiment_id=gone))


def test_only_what_was_deleted_before_a_time_goes(api: Api) -> None:
    """E5: deleting again does not make it younger, and a restored run has no age."""
    old, young, restored = (api.create_run() for _ in range(3))
    experiment, active = create_experiment(api, "old"), create_experiment(api, "active")
    delete_runs(api, old, restored)
    delete_experiment(api, experiment)
    time.sleep(0.005)
    before = time.time_ns() // 1_000_000
    api.runs.RestoreRun(RestoreRunRequest(run_id=restored))
    delete_runs(api, young, restored, old)
    delete_experiment(api, active)
    assert purge(api, deleted_before=before, dry_run=True).runs == 1
    assert purge(api, deleted_before=before) == PurgeResponse(experiments=1, runs=1)
    assert visible_run_ids(api) == {young, restored}
    assert purge(api, deleted_before=0) == PurgeResponse()
    assert purge(api) == PurgeResponse(experiments=1, runs=2)


def test_a_time_before_the_epoch_is_refused(api: Api) -> None:
    with expect_refusal(StatusCode.INVALID_ARGUMENT, "TIMESTAMP_OUT_OF_RANGE") as refusal:
        purge(api, deleted_before=-1)
    assert refusal.metadata["field"] == "deleted_before"


def test_the_name_of_an_experiment_is_free_again_and_its_id_is_not(
    server: ServerProcess, api: Api
) -> None:
    """E1, E5: the ids of experiments that are gone are never given again."""
    for number in range(1, 4):
        assert create_experiment(api, "again") == str(number)
        delete_experiment(api, str(number))
        assert purge(api).experiments == 1
    server.stop()
    server.restart()
    assert create_experiment(api, "again") == "4"
    purge(api)
    assert count_rows(server)["experiment"] == 2  # the default one, and that
    request = experiments_pb.SearchExperimentsRequest(view_type=ViewType.ALL)
    found = api.experiments.SearchExperiments(request).experiments
    assert [experiment.experiment_id for experiment in found] == ["4", "0"]


def test_the_default_experiment_loses_its_runs_and_stays(api: Api) -> None:
    """E1, E5."""
    create_full_run(api)
    delete_experiment(api, "0")
    assert (purge(api).experiments, purge(api).runs) == (0, 0)
    assert visible_run_ids(api) == set()
    api.experiments.RestoreExperiment(experiments_pb.RestoreExperimentRequest(experiment_id="0"))
    assert visible_run_ids(api) == set()
    assert create_experiment(api, "next") == "1"
    api.create_run()


def test_a_new_run_is_not_taken_for_one_that_is_gone(server: ServerProcess, api: Api) -> None:
    """The writer keeps summaries of runs in memory; a run of the same uuid is another run."""
    run_id = "0" * 32
    for value in (1.0, 2.0):
        api.runs.CreateRun(CreateRunRequest(run_id=run_id))
        api.log_batches(
            [make_batch(run_id, [("m", step, 1, value) for step in range(int(9 * value))])]
        )
        assert api.read_latest_points(run_id) == {"m": (int(9 * value) - 1, 1, value)}
        assert len(api.read_points(run_id)) == 9 * value
        delete_runs(api, run_id)
        assert purge(api).points == 9 * value
    left = count_rows(server)
    assert (left["run"], left["series"], left["point"]) == (1, 0, 0)  # the run keeps its id taken


def test_the_room_in_the_file_of_points_that_are_gone_is_used_again(
    server: ServerProcess, api: Api
) -> None:
    def log_noise() -> str:
        """Log points that are hardly compressed, some into chunks and some into a tail."""
        run_id, choose = api.create_run(), random.Random(1)
        for first in range(0, 200_000, 50_000):
            rows = [("m", step, 1, choose.random()) for step in range(first, first + 50_000)]
            api.log_batches([make_batch(run_id, rows)])
        late = [("m", -step, 1, choose.random()) for step in range(1, 10_000)]
        api.log_batches([make_batch(run_id, late[::-1]), make_batch(run_id, late[:5_000])])
        return run_id

    def pages(pragma: str) -> int:
        with closing(sqlite3.connect(server.database)) as database:
            return int(database.execute(f"PRAGMA {pragma}").fetchone()[0])

    empty = pages("page_count")
    delete_runs(api, log_noise())
    full = pages("page_count")
    assert full > 4 * empty
    assert purge(api).points == 209_999
    assert pages("page_count") - pages("freelist_count") < empty + 20
    log_noise()
    assert pages("page_count") < full + 20


def test_a_run_whose_points_are_damaged_goes_like_any_other(
    server: ServerProcess, api: Api
) -> None:
    run_id = api.create_run()
    api.log_batches([make_batch(run_id, [("m", step, 1, step / 7) for step in range(20_000)])])
    api.log_batches([make_batch(run_id, [("m", 20_000, 1, 0.5)])])
    with closing(sqlite3.connect(server.database, timeout=30)) as database, database:
        database.execute("UPDATE chunk SET summary = substr(summary, 2)")
        database.execute("UPDATE chunk_data SET data = x''")
        database.execute("UPDATE tail_row SET data = x''")
    with expect_refusal(StatusCode.DATA_LOSS, "CHUNK_DAMAGED"):
        api.read_points(run_id)
    delete_runs(api, run_id)
    assert purge(api) == PurgeResponse(runs=1, points=20_001)
    left = count_rows(server)
    assert (left["series"], left["chunk_data"], left["point"]) == (0, 0, 0)


def test_others_log_while_a_large_run_goes(api: Api) -> None:
    large, small = api.create_run(), api.create_run()
    api.log_batches(
        make_batch(large, [("m", step, 1, 0.5) for step in range(start, start + 50_000)])
        for start in range(0, 200_000, 50_000)
    )
    delete_runs(api, large)
    purging = api.maintenance.Purge(PurgeRequest())
    answers = [
        answer
        for step in range(50)
        for answer in api.log_batches([make_batch(small, [("m", step, 1, 0.5)])])
    ]
    *_, last = purging
    assert (last.runs, last.points) == (1, 200_000)
    assert not any(answer.HasField("error") for answer in answers)
    assert [point[1] for point in api.read_points(small)] == list(range(50))


def test_watchers_are_told_which_runs_are_gone(api: Api) -> None:
    run_id = api.create_run()
    watching = api.watches.Watch(WatchRequest(run_ids=[run_id]))
    next(watching)
    delete_runs(api, run_id)
    purge(api)
    changes = (change for answer in watching for change in answer.changes)
    assert next(change for change in changes if change.purged).run_id == run_id
    watching.cancel()
