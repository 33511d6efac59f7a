"""Nobody waits for somebody else's slow search, and it ends with its caller or with its time."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import grpc
import pytest
import requests

from runstream import DeadlineExceeded, TrackingClient
from runstream.v1.run_service_pb2 import CountRunsRequest, GetRunRequest, SearchRunsRequest
from support.api import Api, expect_refusal, make_batch
from support.metrics_page import Page
from support.server_process import ServerProcess
from support.waiting import wait_until


@pytest.fixture(scope="module")
def filled(
    tmp_path_factory: pytest.TempPathFactory, new_url: Callable[[], str | None]
) -> Iterator[tuple[ServerProcess, Api, str]]:
    """A server with a database, its stubs, and a filter that takes it long."""
    folder = tmp_path_factory.mktemp("filled")
    server = ServerProcess(folder / "runs.db", {"RUNSTREAM_HTTP_PORT": "0"}, url=new_url())
    with grpc.insecure_channel(server.address) as channel:
        api = Api(channel)
        yield server, api, slow_filter(server, api)
    server.stop()


@pytest.fixture
def brief_server(start_server: Callable[..., ServerProcess]) -> ServerProcess:
    """A server whose reads may take a second."""
    return start_server(RUNSTREAM_HTTP_PORT="0", RUNSTREAM_QUERY_TIMEOUT="1")


def slow_filter(server: ServerProcess, api: Api) -> str:
    """Fill the database, and return a filter that takes it seconds."""
    if not server.url.startswith("postgresql"):
        return slow_filter_of_sqlite(server, api)
    for _ in range(6):  # it matches patterns by itself, and tries each start of a text
        tags = [(f"t{i}", "a" * 65_000) for i in range(10)]
        api.log_batches([make_batch(api.create_run(), (), (), tags)])
    return " OR ".join(f"tags.t{i} LIKE '%{'a' * 900}b%'" for i in range(10))


def slow_filter_of_sqlite(server: ServerProcess, api: Api) -> str:
    api.log_batches([make_batch(api.create_run(), (), (), [("t0", "a" * 1_000)])])
    server.query(
        "WITH RECURSIVE number(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM number WHERE i < 10000) "
        "INSERT INTO run (uuid, experiment_id, name, user_id, status, start_time, artifact_uri, "
        "deleted, deleted_with_experiment) SELECT lower(hex(randomblob(16))), 0, name, user_id, "
        "status, start_time, artifact_uri, 0, 0 FROM run, number WHERE run.id = "
        "(SELECT run_id FROM run_tag WHERE key = 't0')"
    )
    server.query(
        "INSERT INTO run_tag (run_id, key, value) SELECT run.id, key, value "
        "FROM run, run_tag WHERE key = 't0' AND run.id > run_id"
    )
    return " OR ".join(f"tags.t0 LIKE '%ab{i}%'" for i in range(50))


def count_reads(server: ServerProcess) -> float:
    page = Page(server)
    return sum(page.value("runstream_reads", lane=lane) for lane in ("quick", "page", "long"))


def count_statements(server: ServerProcess) -> int:
    """Return how many statements the database runs."""
    if not server.url.startswith("postgresql"):
        return 0
    query = (
        "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' "
        "AND datname = current_database() AND pid <> pg_backend_pid()"
    )
    return int(server.query(query)[0][0])


def test_twenty_slow_searches_hold_up_no_run_and_no_page_and_end_with_their_callers(
    filled: tuple[ServerProcess, Api, str],
) -> None:
    server, api, slow = filled
    run_id = api.create_run()
    searches = [
        api.runs.SearchRuns.future(SearchRunsRequest(filter=slow), timeout=120) for _ in range(20)
    ]
    wait_until(lambda: count_reads(server) == 20, 60)
    for _ in range(50):
        assert api.runs.GetRun(GetRunRequest(run_id=run_id), timeout=60).run.info.run_id == run_id
    page = SearchRunsRequest(filter="tags.t0 is null", max_results=10)
    assert len(api.runs.SearchRuns(page, timeout=60).runs) == 1
    assert api.read_points(run_id) == []
    assert not any(search.done() for search in searches)
    assert Page(server).value("runstream_interrupted_reads_total", reason="moved") > 0
    for search in searches:
        search.cancel()
    wait_until(lambda: count_reads(server) == 0, 30)
    wait_until(lambda: count_statements(server) == 0, 30)
    assert count_gone(server) > 0
    assert api.runs.CountRuns(CountRunsRequest(filter="tags.t0 is null")).count == 1


def count_gone(server: ServerProcess) -> float:
    """Return how many reads a server has ended because their callers had gone."""
    return Page(server).value("runstream_interrupted_reads_total", reason="caller_gone")


@pytest.mark.parametrize("how", ["deadline", "http"])
def test_a_search_ends_in_the_database_when_nobody_waits_for_it_any_more(
    filled: tuple[ServerProcess, Api, str], how: str
) -> None:
    server, api, slow = filled
    before = count_gone(server)
    if how == "deadline":
        with pytest.raises(grpc.RpcError, match="Deadline Exceeded"):
            api.runs.SearchRuns(SearchRunsRequest(filter=slow), timeout=1)
    else:
        with pytest.raises(requests.Timeout):
            requests.post(
                f"{server.http}/api/2.0/mlflow/runs/search",
                json={"experiment_ids": ["0"], "filter": slow},
                timeout=1,
            )
    wait_until(lambda: count_reads(server) == 0, 30)
    wait_until(lambda: count_statements(server) == 0, 30)
    wait_until(lambda: count_gone(server) > before, 30)
    assert count_gone(server) == before + 1


def test_a_search_that_takes_longer_than_it_may_says_so_and_names_the_option(
    brief_server: ServerProcess, connect: Callable[[str], Api]
) -> None:
    api = connect(brief_server.address)
    slow = slow_filter(brief_server, api)
    with expect_refusal(grpc.StatusCode.DEADLINE_EXCEEDED, "READ_TOO_LONG") as refusal:
        api.runs.SearchRuns(SearchRunsRequest(filter=slow), timeout=60)
    assert refusal.metadata == {"limit": "1 seconds", "option": "--query-timeout"}
    assert "longer than 1 seconds" in refusal.message
    assert "a longer --query-timeout" in refusal.message
    answer = requests.post(
        f"{brief_server.http}/api/2.0/mlflow/runs/search",
        json={"experiment_ids": ["0"], "filter": slow},
        timeout=60,
    )
    assert answer.status_code == 400  # MLflow's clients would repeat a 5xx
    assert answer.json()["error_code"] == "DEADLINE_EXCEEDED"
    with (
        TrackingClient(brief_server.uri) as client,
        pytest.raises(DeadlineExceeded, match="--query-timeout"),
    ):
        client.count_runs(filter_string=slow)
    assert Page(brief_server).value("runstream_interrupted_reads_total", reason="too_long") == 3
