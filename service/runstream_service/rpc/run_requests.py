"""The requests of RunService: checked, and as the catalog takes them.

Each function raises InvalidArgument if something in the request breaks its rule.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from runstream.errors import InvalidArgument, shorten
from runstream.rules import (
    check_dataset_field,
    check_input_tag,
    check_model_id,
    check_run_id,
    check_text,
)
from runstream.v1 import run_service_pb2 as pb
from runstream.v1.run_pb2 import DatasetInput, RunStatus
from runstream.v1.run_tagging_pb2 import TagRunsRequest
from runstream_service.catalog import console, run_tagging, runs
from runstream_service.engine import catalog_writes
from runstream_service.engine.batch import Batch
from runstream_service.engine.catalog_writes import RunUpdate
from runstream_service.rpc.page_token import check_page_size

#: The tag that names who started a run.
USER_TAG = "mlflow.user"


def new_run(request: pb.CreateRunRequest) -> runs.NewRun:
    """Return the run that a caller asks for."""
    if request.run_id:
        check_run_id("run_id", request.run_id)
    check_text("user_id", request.user_id)
    check_text("run_name", request.run_name)
    tags = [(tag.key, tag.value) for tag in request.tags]
    Batch(request.run_id, tags=tags).check()
    return runs.NewRun(
        experiment_id=request.experiment_id or "0",
        # Clients of other trackers name the user by a tag alone.
        user_id=request.user_id or dict(tags).get(USER_TAG, ""),
        name=request.run_name,
        start_time=request.start_time if request.HasField("start_time") else None,
        tags=tags,
        run_id=request.run_id,
        heartbeat=request.heartbeat,
    )


def update(request: Any, at: str = "") -> RunUpdate:
    """Return the changes of a run that a caller asks for.

    Args:
        request: an UpdateRunRequest, or a RunUpdate.
        at: where the latter is in the request, for errors.
    """
    end_time = request.end_time if request.HasField("end_time") else None
    check_text(f"{at}run_name", request.run_name)
    if request.status not in RunStatus.values():
        raise InvalidArgument(
            f"Invalid value {request.status} for parameter '{at}status' supplied",
            reason="STATUS_UNKNOWN",
            field=f"{at}status",
            value=request.status,
            limit=", ".join(RunStatus.keys()),
        )
    return RunUpdate(request.status, end_time, request.run_name, request.heartbeat)


def inputs(
    datasets: Iterable[Any], models: Sequence[Any], at: str = "models"
) -> tuple[list[catalog_writes.DatasetInput], list[str]]:
    """Return the datasets and the ids of the models that a run read.

    Args:
        datasets: messages DatasetInput.
        models: messages ModelInput.
        at: where the models are in the request, for errors.
    """
    for i, model in enumerate(models):
        check_model_id(f"{at}[{i}].model_id", model.model_id)
    read = [_checked_input(f"datasets[{i}]", each) for i, each in enumerate(datasets)]
    return read, [model.model_id for model in models]


def outputs(models: Sequence[Any], at: str = "models") -> list[catalog_writes.ModelOutput]:
    """Return the models that a run made, of messages ModelOutput."""
    for i, model in enumerate(models):
        check_model_id(f"{at}[{i}].model_id", model.model_id)
    return [catalog_writes.ModelOutput(model.model_id, model.step) for model in models]


def run_ids(named: Sequence[str], limit: int) -> list[str]:
    """Return the ids of runs that a caller names, each once: at least one, and not too many."""
    if not 0 < len(named) <= limit:
        raise InvalidArgument(
            f"run_ids has {len(named)} entries, it must have 1 to {limit:,}",
            reason="RUN_IDS_OUT_OF_RANGE",
            field="run_ids",
            value=len(named),
            limit=limit,
        )
    for i, run_id in enumerate(named):
        check_run_id(f"run_ids[{i}]", run_id)
    return list(dict.fromkeys(named))


def tagging(request: TagRunsRequest) -> tuple[list[str], list[tuple[str, str]], list[str]]:
    """Return the runs of a caller, the tags to set, and the keys of those to delete."""
    for field, many, limit in (
        ("tags", len(request.tags), run_tagging.MAX_TAGS),
        ("deleted_tags", len(request.deleted_tags), run_tagging.MAX_DELETED),
    ):
        if many > limit:
            raise InvalidArgument(
                f"{field} has {many} entries, the limit is {limit}",
                reason="TAGS_TOO_MANY",
                field=field,
                value=many,
                limit=limit,
            )
    named = run_ids(request.run_ids, run_tagging.MAX_RUNS)
    tags = [(tag.key, tag.value) for tag in request.tags]
    Batch(named[0], tags=tags).check()
    for key in request.deleted_tags:
        check_text("deleted_tags", key)
    return named, tags, list(request.deleted_tags)


def description(request: pb.LogModelRequest) -> dict[str, Any]:
    """Return the description of a model that a run made."""
    text = request.model_json
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise InvalidArgument(
            f"Invalid value {shorten(text)!r} for parameter 'model_json' supplied: "
            "it must be an object of JSON",
            reason="MODEL_MALFORMED",
            field="model_json",
            value=text,
            limit="an object of JSON",
        )
    return found


def check_console(request: pb.ListConsoleRequest) -> None:
    """Check which lines of a console a caller asks for."""
    check_run_id("run_id", request.run_id)
    check_page_size(request.max_results, console.PAGE_LINES)
    for name in ("after", "before"):
        _check_not_negative(name, getattr(request, name))


def _check_not_negative(field: str, number: int) -> None:
    if number < 0:
        raise InvalidArgument(
            f"Invalid value {number} for parameter '{field}' supplied: it must not be negative",
            reason="NUMBER_OUT_OF_RANGE",
            field=field,
            value=number,
            limit="not negative",
        )


def _checked_input(field: str, read: DatasetInput) -> catalog_writes.DatasetInput:
    dataset = read.dataset
    for name in ("name", "digest", "source_type", "source", "schema", "profile"):
        check_dataset_field(f"{field}.dataset.{name}", name, getattr(dataset, name))
    for tag in read.tags:
        check_input_tag(f"{field}.tags", tag.key, tag.value)
    return catalog_writes.DatasetInput(
        name=dataset.name,
        digest=dataset.digest,
        source_type=dataset.source_type,
        source=dataset.source,
        schema=dataset.schema,
        profile=dataset.profile,
        tags={tag.key: tag.value for tag in read.tags},
    )
