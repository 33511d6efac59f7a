"""The values that calls return: experiments, runs, points and others, which never change."""

from runstream.entities.audit_entry import AuditEntry
from runstream.entities.console_line import ConsoleLine
from runstream.entities.dataset import Dataset, DatasetInput
from runstream.entities.experiment import Experiment
from runstream.entities.file_info import FileInfo
from runstream.entities.found import FoundExperiments, FoundRuns
from runstream.entities.grant import Grant
from runstream.entities.key_values import Param, RunTag
from runstream.entities.logged_model import LoggedModel, ModelMetric
from runstream.entities.metric import Metric, MetricArrays, MetricColumns
from runstream.entities.purged import Purged
from runstream.entities.run import Run, RunData, RunInfo
from runstream.entities.run_change import RunChange
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

__all__ = [
    "AuditEntry",
    "CallerInfo",
    "ConsoleLine",
    "Dataset",
    "DatasetInput",
    "Experiment",
    "FileInfo",
    "FoundExperiments",
    "FoundRuns",
    "Grant",
    "LoggedModel",
    "LoggedModelInput",
    "LoggedModelOutput",
    "Metric",
    "MetricArrays",
    "MetricColumns",
    "ModelMetric",
    "NewToken",
    "Param",
    "Purged",
    "Run",
    "RunChange",
    "RunData",
    "RunInfo",
    "RunInputs",
    "RunOutputs",
    "RunTag",
    "SeriesFile",
    "ServerInfo",
    "Token",
    "ViewType",
]
