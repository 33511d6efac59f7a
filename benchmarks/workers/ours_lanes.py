"""Calls GetRun and reads a page while others search through everything."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import grpc

from benchmarks.workers.job import main
from runstream.v1.run_service_pb2 import CreateRunRequest, GetRunRequest, SearchRunsRequest
from runstream.v1.run_service_pb2_grpc import RunServiceStub

# A search that no index helps, through the text of a tag of every run.
_SLOW = " OR ".join(f"tags.note LIKE '%{i}x%'" for i in range(50))


def lanes(uri: str, searches: int, calls: int) -> dict[str, Any]:
    """Return the seconds of each GetRun and of each page, without and with slow searches."""
    with grpc.insecure_channel(uri.removeprefix("grpc://")) as channel:
        runs: Any = RunServiceStub(channel)
        run_id = runs.CreateRun(CreateRunRequest()).run.info.run_id
        one, few = GetRunRequest(run_id=run_id), SearchRunsRequest(max_results=10)

        def measure() -> dict[str, list[float]]:
            found: dict[str, list[float]] = {"GetRun": [], "page": []}
            for _ in range(calls):
                found["GetRun"].append(_seconds(lambda: runs.GetRun(one)))
                found["page"].append(_seconds(lambda: runs.SearchRuns(few)))
                time.sleep(0.005)
            return found

        quiet = measure()
        with _slow_searches(uri, searches) as ended:
            time.sleep(2)  # until those that came at once are among the long ones
            return {"quiet": quiet, "busy": measure(), "searches": len(ended)}


def _seconds(call: Callable[[], Any]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


@contextmanager
def _slow_searches(uri: str, count: int) -> Iterator[list[None]]:
    """Have so many searches under way; yield a list of those that ended."""
    ended: list[None] = []
    over = threading.Event()
    with grpc.insecure_channel(uri.removeprefix("grpc://")) as channel:
        runs: Any = RunServiceStub(channel)

        def search() -> None:
            while not over.is_set():
                call = runs.SearchRuns.future(SearchRunsRequest(filter=_SLOW))
                while not call.done() and not over.wait(0.2):
                    pass
                if not over.is_set():
                    ended.append(None)
                call.cancel()

        threads = [threading.Thread(target=search) for _ in range(count)]
        for thread in threads:
            thread.start()
        yield ended
        over.set()
        for thread in threads:
            thread.join()


if __name__ == "__main__":
    main({job.__name__: job for job in (lanes,)})
