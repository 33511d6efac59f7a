"""The tables, as Peewee models.

Times are integer milliseconds since the epoch. A model here is what the code works with today; how
the tables came to be is in `migrations/`, and a changed or new column needs a migration, too.
"""

from runstream_service.engine.tables.access import AuditEntry, Grant, Session, Token
from runstream_service.engine.tables.alerts import (
    Alert,
    AlertDelivery,
    AlertRule,
    AlertState,
)
from runstream_service.engine.tables.artifacts import (
    Artifact,
    Blob,
    ModelArtifact,
    OrphanBlob,
    SharedArtifact,
    StagedContent,
    StorageUse,
)
from runstream_service.engine.tables.base import NAN, DoubleField, LongTextField, Table
from runstream_service.engine.tables.console import Console, ConsoleLine
from runstream_service.engine.tables.documents import Document
from runstream_service.engine.tables.experiments import Experiment, ExperimentTag
from runstream_service.engine.tables.inputs import Dataset, Input, InputTag, ModelInput, Output
from runstream_service.engine.tables.logged_models import (
    LoggedModel,
    LoggedModelParam,
    LoggedModelTag,
)
from runstream_service.engine.tables.metrics import Chunk, ChunkData, ModelMetric, Series, TailRow
from runstream_service.engine.tables.registered_models import (
    ModelVersion,
    ModelVersionTag,
    RegisteredModel,
    RegisteredModelAlias,
    RegisteredModelTag,
    RegisteredModelWrite,
)
from runstream_service.engine.tables.runs import Param, Run, RunTag
from runstream_service.engine.tables.settings import Setting
from runstream_service.engine.tables.writes import ExperimentWrite, ModelWrite, Write

#: All tables.
TABLES: list[type[Table]] = [
    Alert,
    AlertDelivery,
    AlertRule,
    AlertState,
    Artifact,
    AuditEntry,
    Blob,
    Chunk,
    ChunkData,
    Console,
    ConsoleLine,
    Dataset,
    Document,
    Experiment,
    ExperimentTag,
    ExperimentWrite,
    Grant,
    Input,
    InputTag,
    LoggedModel,
    LoggedModelParam,
    LoggedModelTag,
    ModelArtifact,
    ModelInput,
    ModelMetric,
    ModelVersion,
    ModelVersionTag,
    ModelWrite,
    OrphanBlob,
    Output,
    Param,
    RegisteredModel,
    RegisteredModelAlias,
    RegisteredModelTag,
    RegisteredModelWrite,
    Run,
    RunTag,
    Series,
    Session,
    Setting,
    SharedArtifact,
    StagedContent,
    StorageUse,
    TailRow,
    Token,
    Write,
]

__all__ = [
    "NAN",
    "TABLES",
    "Alert",
    "AlertDelivery",
    "AlertRule",
    "AlertState",
    "Artifact",
    "AuditEntry",
    "Blob",
    "Chunk",
    "ChunkData",
    "Console",
    "ConsoleLine",
    "Dataset",
    "Document",
    "DoubleField",
    "Experiment",
    "ExperimentTag",
    "ExperimentWrite",
    "Grant",
    "Input",
    "InputTag",
    "LoggedModel",
    "LoggedModelParam",
    "LoggedModelTag",
    "LongTextField",
    "ModelArtifact",
    "ModelInput",
    "ModelMetric",
    "ModelVersion",
    "ModelVersionTag",
    "ModelWrite",
    "OrphanBlob",
    "Output",
    "Param",
    "RegisteredModel",
    "RegisteredModelAlias",
    "RegisteredModelTag",
    "RegisteredModelWrite",
    "Run",
    "RunTag",
    "Series",
    "Session",
    "Setting",
    "SharedArtifact",
    "StagedContent",
    "StorageUse",
    "Table",
    "TailRow",
    "Token",
    "Write",
]
