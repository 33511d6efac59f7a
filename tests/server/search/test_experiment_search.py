"""Experiments are found by name, times and tags."""

from __future__ import annotations

from typing import Any

import grpc

from runstream.v1.experiment_pb2 import ExperimentTag
from runstream.v1.experiment_service_pb2 import (
    CreateExperimentRequest,
    DeleteExperimentRequest,
    SearchExperimentsRequest,
    SetExperimentTagRequest,
)
from runstream.v1.run_pb2 import ALL, DELETED_ONLY
from support.api import Api, expect_refusal


def test_experiments_are_found_by_name_times_and_tags(api: Api) -> None:
    """S7."""
    ids = {
        name: api.experiments.CreateExperiment(
            CreateExperimentRequest(
                name=name, tags=[ExperimentTag(key="team", value=team)] if team else []
            )
        ).experiment_id
        for name, team in {"one": "red", "two": "", "three": "blue"}.items()
    }
    api.experiments.DeleteExperiment(DeleteExperimentRequest(experiment_id=ids["two"]))

    def found(text: str = "", *order_by: str, size: int = 0, view: Any = None) -> str:
        names: list[str] = []
        request = SearchExperimentsRequest(
            filter=text, order_by=order_by, max_results=size, view_type=view
        )
        while True:
            page = api.experiments.SearchExperiments(request)
            names += [experiment.name for experiment in page.experiments]
            if not page.next_page_token:
                return " ".join(names)
            request.page_token = page.next_page_token

    assert found(size=1) == "three one Default"
    assert found(view=DELETED_ONLY) == "two"
    assert found(view=ALL) == "three two one Default"
    assert found("name LIKE 't%'", view=ALL) == "three two"
    assert found(f"experiment_id = '{ids['one']}'") == "one"
    assert found("tags.team = 'red' or attribute.name = 'Default'") == "one Default"
    assert found("tags.team is null", view=ALL) == "two Default"
    assert found("creation_time > 0 and last_update_time > 0", "name") == "Default one three"
    assert found("", "tags.team DESC", size=1) == "one three Default"
    assert found(
        "creation_time > '2020-01-01' AND creation_time < '9999-01-01T00:00Z'", "name"
    ) == ("Default one three")
    assert found("last_update_time < '2020-01-01'") == ""
    assert found("", "experiment_id", view=ALL, size=2) == "Default one two three"
    for name, value in {"one": "9", "three": "1e1"}.items():
        api.experiments.SetExperimentTag(
            SetExperimentTagRequest(experiment_id=ids[name], key="size", value=value)
        )
    assert found("tags.size < 10") == "one"
    assert found("tags.size IN (10, '9')", "tags.size") == "one three"
    for size in (1, 3):
        assert found("", "tags.size DESC", size=size) == "three one Default"
    for malformed in ("metrics.loss < 1", "tags.size < '10'", "name > 'a'"):
        with expect_refusal(grpc.StatusCode.INVALID_ARGUMENT, "FILTER_MALFORMED"):
            found(malformed)
    with expect_refusal(grpc.StatusCode.INVALID_ARGUMENT, "ORDER_BY_MALFORMED"):
        found("", "params.p")
