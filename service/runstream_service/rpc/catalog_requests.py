"""What requests of LoggingService say besides points, params, tags and lines: checked.

Each function raises InvalidArgument if something in the request breaks its rule.
"""

from __future__ import annotations

from typing import Any

from runstream.contract.run_names import choose_name
from runstream.errors import InvalidArgument
from runstream.rules import check_experiment_name, check_run_id, check_text
from runstream_service.engine.catalog_writes import CatalogWrites, RunStart
from runstream_service.rpc import alert_requests, run_requests


def catalog_writes(request: Any) -> CatalogWrites | None:
    """Return what a LogBatchRequest or a LogRequest says, or its twin; None, if nothing."""
    is_started, is_updated = request.HasField("start"), request.HasField("update")
    if not (
        is_started
        or is_updated
        or request.deleted_tags
        or request.datasets
        or request.model_inputs
        or request.model_outputs
        or request.alerts
    ):
        return None
    datasets, model_inputs = run_requests.inputs(
        request.datasets, request.model_inputs, "model_inputs"
    )
    return CatalogWrites(
        start=_start(request) if is_started else None,
        deleted_tags=list(request.deleted_tags),
        datasets=datasets,
        model_inputs=model_inputs,
        model_outputs=run_requests.outputs(request.model_outputs, "model_outputs"),
        alerts=alert_requests.raised_alerts(request.alerts),
        update=run_requests.update(request.update, "update.") if is_updated else None,
    )


def _start(request: Any) -> RunStart:
    start = request.start
    check_run_id("run_id", request.run_id)
    if start.WhichOneof("experiment") == "experiment_name":
        check_experiment_name("start.experiment_name", start.experiment_name)
    check_text("start.user_id", start.user_id)
    check_text("start.run_name", start.run_name)
    if not start.HasField("start_time"):
        raise InvalidArgument(
            "Missing value for required parameter 'start.start_time'",
            reason="FIELD_MISSING",
            field="start.start_time",
        )
    return RunStart(
        experiment_id=start.experiment_id or "0",
        experiment_name=start.experiment_name,
        user_id=start.user_id,
        name=choose_name(start.run_name, {tag.key: tag.value for tag in request.tags}),
        start_time=start.start_time,
        heartbeat=start.heartbeat,
    )
