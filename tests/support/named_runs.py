"""Runs that tests know by short names."""

from __future__ import annotations

from typing import Any

from runstream.v1.logging_service_pb2 import LogRequest
from runstream.v1.metric_pb2 import LoggedMetric
from runstream.v1.run_pb2 import Param, Run, RunTag
from runstream.v1.run_service_pb2 import CountRunsRequest, CreateRunRequest, SearchRunsRequest
from support.api import Api


class NamedRuns:
    """Runs of a server by short names, which are their run names."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self._created = 0

    def add(
        self,
        name: str,
        metrics: dict[str, float] | None = None,
        params: dict[str, str] | None = None,
        tags: dict[str, str] | None = None,
        **fields: Any,
    ) -> str:
        self._created += 1
        request = CreateRunRequest(run_name=name, start_time=self._created, **fields)
        run_id = self.api.runs.CreateRun(request).run.info.run_id
        self.api.logging.Log(
            LogRequest(
                run_id=run_id,
                metrics=[
                    LoggedMetric(key=k, value=v, timestamp=1) for k, v in (metrics or {}).items()
                ],
                params=[Param(key=k, value=v) for k, v in (params or {}).items()],
                tags=[RunTag(key=k, value=v) for k, v in (tags or {}).items()],
            )
        )
        return run_id

    def search_names(self, filter: str = "", *order_by: str, **fields: Any) -> str:  # noqa: A002
        """Return the names of the found runs in their order; CountRuns must count as many."""
        request = SearchRunsRequest(filter=filter, order_by=order_by or ["start_time"], **fields)
        runs = self.pages(request)
        counted = {key: value for key, value in fields.items() if key != "max_results"}
        count = self.api.runs.CountRuns(CountRunsRequest(filter=filter, **counted)).count
        assert count == len(runs)
        return " ".join(run.info.run_name for run in runs)

    def pages(self, request: SearchRunsRequest) -> list[Run]:
        runs: list[Run] = []
        while True:
            page = self.api.runs.SearchRuns(request)
            assert len(page.runs) <= (request.max_results or 1000)
            runs += page.runs
            if not page.next_page_token:
                return runs
            request.page_token = page.next_page_token
