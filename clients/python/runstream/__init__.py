"""Experiment tracking over gRPC: streaming, durable, fast.

    import runstream

    with runstream.start_run():
        runstream.log_param("lr", 0.1)
        for step in range(100):
            runstream.log_metric("loss", 1 / (step + 1), step=step)

These functions log to the active run. `TrackingClient` is for programs with many runs at once, and
names the run in every call. `runstream.data` describes datasets, and `runstream.errors` has what
the calls raise. Runs are logged to a server or into a database file; `set_tracking_uri` takes the
forms that `runstream.transport.tracking_uri` describes.
"""

from typing import TYPE_CHECKING

from runstream.transport import grpc_log as _grpc_log  # noqa: F401 # before gRPC is imported

# isort: split
from runstream import data, exceptions
from runstream.calls.client import TrackingClient
from runstream.calls.run_operations import RunOperations
from runstream.errors import (
    AlreadyExists,
    DataLoss,
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
from runstream.fluent.active_runs import active_run, end_run, last_active_run, start_run
from runstream.fluent.artifact_functions import (
    delete_artifacts,
    download_artifacts,
    get_artifact_uri,
    list_artifacts,
    list_series,
    load_dict,
    load_table,
    load_text,
    log_artifact,
    log_artifacts,
    log_audio,
    log_dict,
    log_figure,
    log_histogram,
    log_image,
    log_stream,
    log_table,
    log_text,
)
from runstream.fluent.destination import (
    get_tracking_uri,
    is_tracking_uri_set,
    set_experiment,
    set_tracking_uri,
)
from runstream.fluent.experiment_functions import (
    create_experiment,
    delete_experiment,
    delete_experiment_tag,
    get_experiment,
    get_experiment_by_name,
    rename_experiment,
    restore_experiment,
    set_experiment_tag,
    set_experiment_tags,
)
from runstream.fluent.logged_model_functions import (
    delete_logged_model_tag,
    finalize_logged_model,
    get_logged_model,
    initialize_logged_model,
    log_model_params,
    log_outputs,
    search_logged_models,
    set_logged_model_tags,
)
from runstream.fluent.logging_functions import (
    alert,
    delete_tag,
    flush,
    flush_async_logging,
    log_columns,
    log_config,
    log_input,
    log_inputs,
    log_metric,
    log_metrics,
    log_param,
    log_params,
    set_tag,
    set_tags,
)
from runstream.fluent.registry_functions import (
    register_model,
    search_model_versions,
    search_registered_models,
    set_model_version_tag,
)
from runstream.fluent.run_functions import delete_run, get_parent_run, get_run, restore_run
from runstream.fluent.run_handle import ActiveRun
from runstream.fluent.run_system_metrics import (
    disable_system_metrics_logging,
    enable_system_metrics_logging,
    set_system_metrics_node_id,
    set_system_metrics_samples_before_logging,
    set_system_metrics_sampling_interval,
)
from runstream.fluent.search_functions import count_runs, search_experiments, search_runs
from runstream.fluent.watch_functions import watch
from runstream.syncing import adoption as _adoption  # noqa: F401 # delivers what others left

#: The name without the word that MLflow has in it.
enable_system_metrics = enable_system_metrics_logging

__all__ = [
    "ActiveRun",
    "AlreadyExists",
    "ConsoleLine",
    "DataLoss",
    "Dataset",
    "DatasetInput",
    "DeadlineExceeded",
    "Experiment",
    "FailedPrecondition",
    "FileInfo",
    "GroupedHistory",
    "Internal",
    "InvalidArgument",
    "LoggedModel",
    "Metric",
    "MetricArrays",
    "MetricColumns",
    "ModelMetric",
    "ModelVersion",
    "NotFound",
    "Param",
    "PermissionDenied",
    "Purged",
    "RegisteredModel",
    "ResourceExhausted",
    "Run",
    "RunChange",
    "RunData",
    "RunInfo",
    "RunInputs",
    "RunOperations",
    "RunTag",
    "RunstreamError",
    "SeriesFile",
    "TrackingClient",
    "Unauthenticated",
    "Unavailable",
    "ViewType",
    "active_run",
    "alert",
    "autolog",
    "count_runs",
    "create_experiment",
    "data",
    "delete_artifacts",
    "delete_experiment",
    "delete_experiment_tag",
    "delete_logged_model_tag",
    "delete_run",
    "delete_tag",
    "disable_system_metrics_logging",
    "download_artifacts",
    "enable_system_metrics",
    "enable_system_metrics_logging",
    "end_run",
    "exceptions",
    "finalize_logged_model",
    "flush",
    "flush_async_logging",
    "get_artifact_uri",
    "get_experiment",
    "get_experiment_by_name",
    "get_logged_model",
    "get_parent_run",
    "get_run",
    "get_tracking_uri",
    "initialize_logged_model",
    "is_tracking_uri_set",
    "last_active_run",
    "list_artifacts",
    "list_series",
    "load_dict",
    "load_table",
    "load_text",
    "log_artifact",
    "log_artifacts",
    "log_audio",
    "log_columns",
    "log_config",
    "log_dict",
    "log_figure",
    "log_histogram",
    "log_image",
    "log_input",
    "log_inputs",
    "log_metric",
    "log_metrics",
    "log_model_params",
    "log_outputs",
    "log_param",
    "log_params",
    "log_stream",
    "log_table",
    "log_text",
    "register_model",
    "rename_experiment",
    "restore_experiment",
    "restore_run",
    "search_experiments",
    "search_logged_models",
    "search_model_versions",
    "search_registered_models",
    "search_runs",
    "set_experiment",
    "set_experiment_tag",
    "set_experiment_tags",
    "set_logged_model_tags",
    "set_model_version_tag",
    "set_system_metrics_node_id",
    "set_system_metrics_samples_before_logging",
    "set_system_metrics_sampling_interval",
    "set_tag",
    "set_tags",
    "set_tracking_uri",
    "start_run",
    "sync",
    "watch",
]

# Modules that are imported when they are first used, as `runstream.sklearn.autolog()`.
_FRAMEWORKS = ("catboost", "keras", "lightgbm", "pytorch", "sklearn", "transformers", "xgboost")

if TYPE_CHECKING:
    from runstream import catboost as catboost
    from runstream import keras as keras
    from runstream import lightgbm as lightgbm
    from runstream import pytorch as pytorch
    from runstream import sklearn as sklearn
    from runstream import transformers as transformers
    from runstream import xgboost as xgboost
    from runstream.autologging.libraries import autolog
    from runstream.entities import (
        ConsoleLine,
        Dataset,
        DatasetInput,
        Experiment,
        FileInfo,
        GroupedHistory,
        LoggedModel,
        Metric,
        MetricArrays,
        MetricColumns,
        ModelMetric,
        ModelVersion,
        Param,
        Purged,
        RegisteredModel,
        Run,
        RunChange,
        RunData,
        RunInfo,
        RunInputs,
        RunTag,
        SeriesFile,
        ViewType,
    )
    from runstream.syncing.sync import sync

    __version__: str
else:

    def __getattr__(name: str) -> object:
        if name == "autolog":
            from runstream.autologging.libraries import autolog

            return autolog
        if name == "sync":
            from runstream.syncing.sync import sync

            return sync
        from runstream import entities

        if name in __all__ and name in entities.__all__:
            return getattr(entities, name)
        if name in _FRAMEWORKS:
            from importlib import import_module

            return import_module(f"runstream.{name}")
        if name == "__version__":  # not at import: it takes milliseconds
            from importlib.metadata import version

            return version("runstream")
        if name == "MlflowClient":
            # An AttributeError would lose its text in `from runstream import MlflowClient`.
            raise ImportError(
                "runstream has no MlflowClient: use TrackingClient, whose methods take the "
                "arguments of MLflow's of the same name (docs/decisions/0020-names-of-mlflow.md)"
            )
        raise AttributeError(f"module 'runstream' has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
