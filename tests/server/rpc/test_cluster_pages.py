"""What one server of a database hands out, another one takes: tokens of pages, parts of files."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from runstream import TrackingClient
from runstream.v1.artifact_service_pb2 import ListArtifactsRequest
from runstream.v1.experiment_service_pb2 import SearchExperimentsRequest
from runstream.v1.metric_service_pb2 import GetMetricHistoryRequest
from runstream.v1.run_service_pb2 import SearchRunsRequest
from support.api import Api, make_batch
from support.artifacts import MIB, download, upload
from support.cluster import Cluster
from support.postgres import Postgres


@pytest.fixture
def cluster(postgres: Postgres, tmp_path: Path) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path, postgres.create_database())
    yield cluster
    cluster.stop()


@pytest.fixture
def apis(cluster: Cluster, connect: Callable[[str], Api]) -> list[Api]:
    return [connect(server.address) for server in cluster.servers]


def ask_in_turn(apis: list[Api], rpc: Callable[[Api], Any], request: Any) -> Iterator[Any]:
    """Yield the pages of a request, each from the next server."""
    for api in itertools.cycle(apis):
        yield (page := rpc(api)(request))
        request.page_token = page.next_page_token
        if not page.next_page_token:
            return


def test_servers_that_start_at_once_take_the_tokens_of_each_other(apis: list[Api]) -> None:
    """They have one key, whichever of them made the database."""
    experiments = {apis[i % 3].create_experiment(f"e{i}") for i in range(8)} | {"0"}
    run_ids = {apis[i % 3].create_run() for i in range(10)}
    for number in range(7):
        upload(apis[number % 3], min(run_ids), f"{number}", b"x")
    points = [("m", i, i, 0.5) for i in range(20)]
    apis[1].log_batches([make_batch(min(run_ids), points)])

    found = ask_in_turn(
        apis, lambda api: api.experiments.SearchExperiments, SearchExperimentsRequest(max_results=2)
    )
    assert {e.experiment_id for page in found for e in page.experiments} == experiments
    request = SearchRunsRequest(experiment_ids=["0"], max_results=3)
    runs = [
        run.info.run_id
        for page in ask_in_turn(apis, lambda api: api.runs.SearchRuns, request)
        for run in page.runs
    ]
    assert sorted(runs) == sorted(run_ids)
    listing = ListArtifactsRequest(run_id=min(run_ids), max_results=2)
    lists = ask_in_turn(apis, lambda api: api.artifacts.ListArtifacts, listing)
    assert [file.path for page in lists for file in page.files] == [str(i) for i in range(7)]
    history = GetMetricHistoryRequest(run_id=min(run_ids), metric_key="m", max_results=6)
    histories = ask_in_turn(apis, lambda api: api.metrics.GetMetricHistory, history)
    assert [point.step for page in histories for point in page.metrics] == list(range(20))


def test_a_download_goes_on_at_another_server(cluster: Cluster, apis: list[Api]) -> None:
    run_id, content = apis[0].create_run(), os.urandom(5 * MIB)
    upload(apis[0], run_id, "f", content)
    first = download(apis[1], run_id, "f", length=2 * MIB)
    cluster.servers[1].kill()
    assert first + download(apis[2], run_id, "f", 2 * MIB) == content
    with TrackingClient(cluster.uri) as client:
        assert Path(client.download_artifacts(run_id, "f")).read_bytes() == content
