"""Fills a Runstream server with runs and searches them."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import cycle
from typing import Any

import grpc.aio

from benchmarks.workers.job import main
from benchmarks.workers.searched import (
    Search,
    SearchedRun,
    best_seconds,
    our_searches,
    searched_runs,
    wide_runs,
)
from runstream import TrackingClient
from runstream.v1.logging_service_pb2 import LogRequest
from runstream.v1.logging_service_pb2_grpc import LoggingServiceStub
from runstream.v1.metric_pb2 import MetricTable
from runstream.v1.run_pb2 import Param, RunStatus, RunTag
from runstream.v1.run_service_pb2 import CreateRunRequest, SearchRunsRequest, UpdateRunRequest
from runstream.v1.run_service_pb2_grpc import RunServiceStub

_AT_ONCE = 200


def fill(uri: str, count: int, experiment_ids: Sequence[str] = ("0",)) -> None:
    """Create and end the runs that are searched, many at once, by the raw stubs.

    Each experiment gets as many of them.
    """
    asyncio.run(_fill(uri, searched_runs(count), experiment_ids))


def fill_wide(uri: str, count: int, keys: int) -> None:
    """Create and end wide runs in the same way."""
    asyncio.run(_fill(uri, wide_runs(count, keys)))


async def _fill(
    uri: str, runs_left: Iterator[SearchedRun], experiment_ids: Sequence[str] = ("0",)
) -> None:
    experiments = cycle(experiment_ids)
    async with grpc.aio.insecure_channel(uri.removeprefix("grpc://")) as channel:
        runs: Any = RunServiceStub(channel)
        logs: Any = LoggingServiceStub(channel)

        async def work() -> None:
            for run in runs_left:
                tags = [RunTag(key=key, value=value) for key, value in run.tags.items()]
                created = await runs.CreateRun(
                    CreateRunRequest(experiment_id=next(experiments), tags=tags)
                )
                run_id = created.run.info.run_id
                await logs.Log(_request(run_id, run))
                await runs.UpdateRun(UpdateRunRequest(run_id=run_id, status=RunStatus.FINISHED))

        await asyncio.gather(*(work() for _ in range(_AT_ONCE)))


def _request(run_id: str, run: SearchedRun) -> LogRequest:
    points = len(run.metrics)
    return LogRequest(
        run_id=run_id,
        table=MetricTable(
            keys=run.metrics,
            counts=[1] * points,
            step=[0] * points,
            timestamp=[1] * points,
            value=run.metrics.values(),
        ),
        params=[Param(key=key, value=value) for key, value in run.params.items()],
    )


def search(uri: str, count: int) -> dict[str, dict[str, float]]:
    """Return the seconds of each search by the client: the first, and the best of several."""
    with TrackingClient(uri) as client:
        client.count_runs()  # connects
        gc.freeze()
        first, best = {}, {}
        for name, search in our_searches(count).items():
            find = partial(_find, client, search)
            start = time.perf_counter()
            find()
            first[name] = time.perf_counter() - start
            best[name] = best_seconds(find)
        return {"first": first, "best": best}


def search_as(uri: str, count: int, experiment_ids: Sequence[str]) -> dict[str, float]:
    """Return the best seconds of each search in experiments, as whose token the worker has."""
    with TrackingClient(uri) as client:
        return {
            name: best_seconds(
                lambda search=search: list(  # type: ignore[misc]
                    client.search_runs(
                        experiment_ids,
                        search.filter,
                        order_by=search.order_by,
                        max_results=search.max_results,
                    )
                )
            )
            for name, search in our_searches(count).items()
        }


def _find(client: TrackingClient, search: Search) -> None:
    found = client.search_runs(
        ["0"], search.filter, order_by=search.order_by, max_results=search.max_results
    )
    runs = list(found)
    if len(runs) != search.found or len(runs[0].data.params) != 10:
        raise RuntimeError(f"{len(runs)} runs found by {search}")


def pages(uri: str, number: int, order_by: list[str]) -> dict[str, float]:
    """Return the seconds of the first page and of a late one, by the raw stubs."""
    options = [("grpc.max_receive_message_length", -1)]
    with grpc.insecure_channel(uri.removeprefix("grpc://"), options=options) as channel:
        stub: Any = RunServiceStub(channel)
        request = SearchRunsRequest(experiment_ids=["0"], order_by=order_by, max_results=1000)

        def read() -> str:
            page = stub.SearchRuns(request)
            if len(page.runs) != 1000:
                raise RuntimeError("a page is short")
            return str(page.next_page_token)

        first = best_seconds(read)
        for _ in range(number - 1):
            request.page_token = read()
        return {"first": first, "late": best_seconds(read)}


if __name__ == "__main__":
    main({job.__name__: job for job in (fill, fill_wide, search, search_as, pages)})
