"""The values that calls return: experiments, runs, points and others, which never change.

Each is imported when it is first used, because a data class takes up to a millisecond, and few
programs use many of them. So the client says `entities.Run` where it means `Run`.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runstream.entities.alert import Alert, AlertDelivery, AlertRule
    from runstream.entities.audit_entry import AuditEntry
    from runstream.entities.console_line import ConsoleLine
    from runstream.entities.dataset import Dataset, DatasetInput
    from runstream.entities.document import Document
    from runstream.entities.experiment import Experiment
    from runstream.entities.file_info import FileInfo
    from runstream.entities.found import FoundExperiments, FoundRuns
    from runstream.entities.grant import Grant
    from runstream.entities.grouped_history import GroupedHistory
    from runstream.entities.key_values import Param, RunTag
    from runstream.entities.logged_model import LoggedModel, ModelMetric
    from runstream.entities.metric import Metric, MetricArrays, MetricColumns
    from runstream.entities.model_version import ModelVersion
    from runstream.entities.param_importance import ParamImportance, ParamImportances
    from runstream.entities.purged import Purged
    from runstream.entities.registered_model import RegisteredModel
    from runstream.entities.run import Run, RunData, RunInfo
    from runstream.entities.run_change import RunChange
    from runstream.entities.run_frame import RunFrame
    from runstream.entities.run_group import NumberStatistics, RunGroup
    from runstream.entities.run_inputs import (
        LoggedModelInput,
        LoggedModelOutput,
        RunInputs,
        RunOutputs,
    )
    from runstream.entities.series_file import SeriesFile
    from runstream.entities.server_info import ServerInfo
    from runstream.entities.token import CallerInfo, NewToken, Token
    from runstream.entities.view_type import ViewType
else:
    _MODULES = {
        "Alert": "alert",
        "AlertDelivery": "alert",
        "AlertRule": "alert",
        "AuditEntry": "audit_entry",
        "CallerInfo": "token",
        "ConsoleLine": "console_line",
        "Dataset": "dataset",
        "DatasetInput": "dataset",
        "Document": "document",
        "Experiment": "experiment",
        "FileInfo": "file_info",
        "FoundExperiments": "found",
        "FoundRuns": "found",
        "Grant": "grant",
        "GroupedHistory": "grouped_history",
        "LoggedModel": "logged_model",
        "LoggedModelInput": "run_inputs",
        "LoggedModelOutput": "run_inputs",
        "Metric": "metric",
        "MetricArrays": "metric",
        "MetricColumns": "metric",
        "ModelMetric": "logged_model",
        "ModelVersion": "model_version",
        "NewToken": "token",
        "NumberStatistics": "run_group",
        "Param": "key_values",
        "ParamImportance": "param_importance",
        "ParamImportances": "param_importance",
        "Purged": "purged",
        "RegisteredModel": "registered_model",
        "Run": "run",
        "RunChange": "run_change",
        "RunData": "run",
        "RunGroup": "run_group",
        "RunFrame": "run_frame",
        "RunInfo": "run",
        "RunInputs": "run_inputs",
        "RunOutputs": "run_inputs",
        "RunTag": "key_values",
        "SeriesFile": "series_file",
        "ServerInfo": "server_info",
        "Token": "token",
        "ViewType": "view_type",
    }

    def __getattr__(name: str) -> object:
        if name not in _MODULES:
            raise AttributeError(f"module 'runstream.entities' has no attribute {name!r}")
        from importlib import import_module

        value = getattr(import_module(f"runstream.entities.{_MODULES[name]}"), name)
        return globals().setdefault(name, value)

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})


__all__ = [
    "Alert",
    "AlertDelivery",
    "AlertRule",
    "AuditEntry",
    "CallerInfo",
    "ConsoleLine",
    "Dataset",
    "DatasetInput",
    "Document",
    "Experiment",
    "FileInfo",
    "FoundExperiments",
    "FoundRuns",
    "Grant",
    "GroupedHistory",
    "LoggedModel",
    "LoggedModelInput",
    "LoggedModelOutput",
    "Metric",
    "MetricArrays",
    "MetricColumns",
    "ModelMetric",
    "ModelVersion",
    "NewToken",
    "NumberStatistics",
    "Param",
    "ParamImportance",
    "ParamImportances",
    "Purged",
    "RegisteredModel",
    "Run",
    "RunChange",
    "RunData",
    "RunFrame",
    "RunGroup",
    "RunInfo",
    "RunInputs",
    "RunOutputs",
    "RunTag",
    "SeriesFile",
    "ServerInfo",
    "Token",
    "ViewType",
]
