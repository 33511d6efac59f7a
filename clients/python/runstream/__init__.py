"""Experiment tracking over gRPC: streaming, durable, fast.

    import runstream

    with runstream.start_run():
        runstream.log_param("lr", 0.1)
        for step in range(100):
            runstream.log_metric("loss", 1 / (step + 1), step=step)

`runstream.fluent` has these functions, `runstream.client` the client for many runs at once,
`runstream.errors` what they raise, and `runstream.tracking_uri` the places runs can be logged to.
"""

from runstream.client import TrackingClient
from runstream.entities import (
    Dataset,
    DatasetInput,
    Experiment,
    Metric,
    MetricColumns,
    Run,
    RunData,
    RunInfo,
    RunInputs,
)
from runstream.errors import (
    AlreadyExists,
    DeadlineExceeded,
    FailedPrecondition,
    Internal,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    ResourceExhausted,
    RunstreamError,
    Unauthenticated,
    Unavailable,
)
from runstream.experiments import (
    create_experiment,
    get_experiment,
    get_experiment_by_name,
    get_tracking_uri,
    set_experiment,
    set_experiment_tag,
    set_tracking_uri,
)
from runstream.fluent import (
    active_run,
    delete_tag,
    end_run,
    flush,
    get_parent_run,
    get_run,
    last_active_run,
    log_metric,
    log_metrics,
    log_param,
    log_params,
    set_tag,
    set_tags,
    start_run,
)
from runstream.run import ActiveRun

__all__ = [
    "ActiveRun",
    "AlreadyExists",
    "Dataset",
    "DatasetInput",
    "DeadlineExceeded",
    "Experiment",
    "FailedPrecondition",
    "Internal",
    "InvalidArgument",
    "Metric",
    "MetricColumns",
    "NotFound",
    "PermissionDenied",
    "ResourceExhausted",
    "Run",
    "RunData",
    "RunInfo",
    "RunInputs",
    "RunstreamError",
    "TrackingClient",
    "Unauthenticated",
    "Unavailable",
    "active_run",
    "create_experiment",
    "delete_tag",
    "end_run",
    "flush",
    "get_experiment",
    "get_experiment_by_name",
    "get_parent_run",
    "get_run",
    "get_tracking_uri",
    "last_active_run",
    "log_metric",
    "log_metrics",
    "log_param",
    "log_params",
    "set_experiment",
    "set_experiment_tag",
    "set_tag",
    "set_tags",
    "set_tracking_uri",
    "start_run",
]
