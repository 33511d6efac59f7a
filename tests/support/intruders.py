"""What somebody has, what names it, and requests that name it, for those who should not see it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from secrets import token_hex
from string import Template
from typing import Any, NamedTuple

import grpc
from google.protobuf import message_factory
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.json_format import MessageToDict, ParseDict
from google.rpc.error_details_pb2 import ErrorInfo
from grpc_status import rpc_status

#: What stands in all that is secret, and in nothing else.
MARKER = "sesame"

#: What names a thing, by the word that stands for it in `REQUESTS`.
Names = Mapping[str, str]

_TAGS = [{"key": "team", "value": "mine"}]
_POINT = {"key": "x", "value": 1, "timestamp": 1}
_END = {"sha256": hashlib.sha256(b"mine").hexdigest()}
_START = {"experiment_id": "$experiment", "start_time": 1}
_INPUTS = {"datasets": [{"dataset": {"name": "d", "digest": "1", "source": "s"}}]}
_PROBE = "params.lr LIKE 's%' OR tags.team LIKE 's%' OR attributes.run_name LIKE 's%'"

#: For each RPC calls that name what is secret, each a list of messages. A new RPC belongs here.
REQUESTS: dict[str, list[list[dict[str, Any]]]] = {
    "AccessService.CreateToken": [[{"role": "SERVER_ROLE_READER"}]],
    "AccessService.DeleteGrant": [[{"experiment_id": "$experiment", "grantee": "group:friends"}]],
    "AccessService.GetCaller": [[{}]],
    "AccessService.ListGrants": [[{"experiment_id": "$experiment"}]],
    "AccessService.ListTokens": [[{}]],
    "AccessService.RevokeToken": [[{"token_id": "$token"}]],
    "AccessService.RevokeUserTokens": [[{"user_name": "$user"}]],
    "AccessService.SearchAuditLog": [[{}]],
    "AccessService.SetGrant": [
        [{"experiment_id": "$experiment", "grantee": "user:eve", "role": "GRANT_ROLE_OWNER"}]
    ],
    "AlertService.CreateAlert": [
        [{"experiment_id": "$experiment", "title": "mine"}],
        [{"run_id": "$run", "title": "mine"}],
    ],
    "AlertService.CreateAlertRule": [
        [{"experiment_id": "$experiment", "name": "mine", "run_ended": {}}],
        [{"run_id": "$run", "name": "mine", "metric_nan": {"metric_key": "$key"}}],
    ],
    "AlertService.DeleteAlertRule": [[{"rule_id": "$rule"}]],
    "AlertService.ListAlertRules": [[{"experiment_id": "$experiment"}]],
    "AlertService.ListAlerts": [
        [{}],
        [{"experiment_id": "$experiment"}],
        [{"run_id": "$run"}],
        [{"experiment_id": "$experiment", "max_results": 1, "page_token": "$alerts_page"}],
    ],
    "AlertService.UpdateAlertRule": [[{"rule_id": "$rule", "name": "mine", "enabled": False}]],
    "ArtifactService.DeleteArtifacts": [[{"run_id": "$run", "path": "$path"}]],
    "ArtifactService.DownloadArtifact": [
        [{"run_id": "$run", "path": "$path"}],
        [{"run_id": "$model", "path": "$path"}],
    ],
    "ArtifactService.GetArtifact": [[{"run_id": "$run", "path": "$path"}]],
    "ArtifactService.GetUpload": [[{"upload_id": "$upload", "run_id": "$run", "path": "up"}]],
    "ArtifactService.ListArtifacts": [
        [{"run_id": "$run"}],
        [{"run_id": "$run", "recursive": True}],
        [{"run_id": "$run", "max_results": 1, "page_token": "$files_page"}],
        [{"run_id": "$model"}],
    ],
    "ArtifactService.UploadArtifact": [
        [{"start": {"run_id": "$run", "path": "mine"}}, {"chunk": "bWluZQ=="}, {"end": _END}],
        [
            {"start": {"run_id": "$run", "path": "up", "upload_id": "$upload", "offset": 4}},
            {"chunk": "bWluZQ=="},
            {"end": {"sha256": hashlib.sha256(b"partmine").hexdigest()}},
        ],
    ],
    "DocumentService.CreateDocument": [
        [{"experiment_id": "$experiment", "kind": "DOCUMENT_KIND_VIEW", "text": "mine"}],
        [{"experiment_id": "$experiment", "kind": "DOCUMENT_KIND_VIEW", "text": "sesame=1"}],
        [{"experiment_id": "$experiment", "kind": "DOCUMENT_KIND_REPORT", "title": "$new"}],
    ],
    "DocumentService.DeleteDocument": [[{"document_id": "$document"}]],
    "DocumentService.GetDocument": [[{"document_id": "$document"}], [{"document_id": "$link"}]],
    "DocumentService.ListDocuments": [
        [{"experiment_id": "$experiment", "kind": "DOCUMENT_KIND_REPORT"}],
        [{"experiment_id": "$experiment", "kind": "DOCUMENT_KIND_VIEW", "untitled": True}],
    ],
    "DocumentService.UpdateDocument": [
        [{"document_id": "$document", "version": 1, "title": "mine", "text": "mine"}]
    ],
    "ExperimentService.CreateExperiment": [[{"name": "$new"}]],
    "ExperimentService.DeleteExperiment": [[{"experiment_id": "$experiment"}]],
    "ExperimentService.DeleteExperimentTag": [[{"experiment_id": "$experiment", "key": "team"}]],
    "ExperimentService.GetActivity": [[{"experiment_ids": ["$experiment"]}]],
    "ExperimentService.GetExperiment": [[{"experiment_id": "$experiment"}]],
    "ExperimentService.GetExperimentByName": [[{"experiment_name": "$name"}]],
    "ExperimentService.RestoreExperiment": [[{"experiment_id": "$experiment"}]],
    "ExperimentService.SearchDatasets": [[{"experiment_ids": ["$experiment"]}]],
    "ExperimentService.SearchExperiments": [
        [{"max_results": 1000, "view_type": "ALL"}],
        [{"max_results": 1000, "filter": "name LIKE 'sesa%' OR tags.team LIKE 's%'"}],
        [{"max_results": 1, "page_token": "$experiments_page"}],
    ],
    "ExperimentService.SetExperimentTag": [[{"experiment_id": "$experiment", **_TAGS[0]}]],
    "ExperimentService.UpdateExperiment": [[{"experiment_id": "$experiment", "new_name": "$new"}]],
    "LoggedModelService.CreateLoggedModel": [
        [{"experiment_id": "$experiment", "name": "mine"}],
        [{"experiment_id": "$experiment", "source_run_id": "$run"}],
    ],
    "LoggedModelService.DeleteLoggedModel": [[{"model_id": "$model"}]],
    "LoggedModelService.DeleteLoggedModelTag": [[{"model_id": "$model", "tag_key": "team"}]],
    "LoggedModelService.FinalizeLoggedModel": [
        [{"model_id": "$model", "status": "LOGGED_MODEL_READY"}]
    ],
    "LoggedModelService.GetLoggedModel": [[{"model_id": "$model", "allow_deleted": True}]],
    "LoggedModelService.ListLoggedModelArtifacts": [[{"model_id": "$model"}]],
    "LoggedModelService.LogLoggedModelParams": [
        [{"model_id": "$model", "params": [{"key": "mine", "value": "1"}]}]
    ],
    "LoggedModelService.SearchLoggedModels": [
        [{"experiment_ids": ["$experiment"]}],
        [{"experiment_ids": ["$experiment"], "filter": "tags.team LIKE 's%'"}],
        [{"experiment_ids": ["$experiment"], "max_results": 1, "page_token": "$models_page"}],
    ],
    "LoggedModelService.SetLoggedModelTags": [[{"model_id": "$model", "tags": _TAGS}]],
    "LoggingService.Log": [
        [{"run_id": "$run", "metrics": [_POINT]}],
        [{"run_id": "$run", "update": {"run_name": "mine", "status": "KILLED"}}],
        [{"run_id": "$run", "deleted_tags": ["team"]}],
        [{"run_id": "0123456789abcdef" * 2, "start": _START}],
    ],
    "LoggingService.LogBatch": [
        [{"run_id": "$run", "tags": _TAGS}, {"run_id": "$run"}],
        [{"run_id": "$run", "update": {"run_name": "mine", "status": "KILLED"}}],
        [{"run_id": "$run", "deleted_tags": ["team"], **_INPUTS}],
        [{"run_id": "$run", "alerts": [{"title": "mine"}]}],
        [{"run_id": "$run", **_INPUTS, "model_outputs": [{"model_id": "$model"}]}],
        [{"run_id": "fedcba9876543210" * 2, "start": _START, "tags": _TAGS}],
    ],
    "LoggingService.LogMetric": [
        [{"run_id": "$run", **_POINT}],
        [{"run_id": "$run", "model_id": "$model", **_POINT}],
    ],
    "MaintenanceService.PurgeExperiment": [
        [{"experiment_id": "$experiment"}],
        [{"experiment_id": "$experiment", "run_ids": ["$run"]}],
        [{"experiment_id": "$experiment", "dry_run": True}],
    ],
    "MaintenanceService.Purge": [[{"dry_run": True}]],
    "MetricService.GetMetricHistory": [
        [{"run_id": "$run", "metric_key": "$key"}],
        [{"run_id": "$run", "metric_key": "$key", "max_results": 1, "page_token": "$points_page"}],
    ],
    "MetricService.GetMetricHistoryBulk": [[{"run_id": ["$run"], "metric_key": "$key"}]],
    "MetricService.GetMetricHistoryBulkInterval": [[{"run_ids": ["$run"], "metric_key": "$key"}]],
    "MetricService.ReadGroupedHistory": [
        [{"groups": [{"run_ids": ["$run"]}], "metric_keys": ["$key"]}]
    ],
    "MetricService.ReadMetricHistory": [[{"run_id": "$run"}], [{"run_ids": ["$run"]}]],
    "ModelRegistryService.CreateModelVersion": [
        [{"name": "$registered", "source": "runs:/$run/$path"}],
        [{"name": "$registered", "source": "models:/$model"}],
        [{"name": "$registered", "source": "models:/$registered/1"}],
        [{"name": "$registered", "source": "models:/$registered@best"}],
    ],
    "ModelRegistryService.CreateRegisteredModel": [[{"name": "$new"}]],
    "ModelRegistryService.DeleteModelVersion": [[{"name": "$registered", "version": "1"}]],
    "ModelRegistryService.DeleteModelVersionTag": [
        [{"name": "$registered", "version": "1", "key": "team"}]
    ],
    "ModelRegistryService.DeleteRegisteredModel": [[{"name": "$registered"}]],
    "ModelRegistryService.DeleteRegisteredModelAlias": [[{"name": "$registered", "alias": "best"}]],
    "ModelRegistryService.DeleteRegisteredModelTag": [[{"name": "$registered", "key": "team"}]],
    "ModelRegistryService.GetLatestVersions": [[{"name": "$registered"}]],
    "ModelRegistryService.GetModelVersion": [[{"name": "$registered", "version": "1"}]],
    "ModelRegistryService.GetModelVersionByAlias": [
        [{"name": "$registered", "alias": "best"}],
        [{"name": "$registered", "alias": "latest"}],
    ],
    "ModelRegistryService.GetModelVersionDownloadUri": [[{"name": "$registered", "version": "1"}]],
    "ModelRegistryService.GetRegisteredModel": [[{"name": "$registered"}]],
    "ModelRegistryService.RenameRegisteredModel": [[{"name": "$registered", "new_name": "$new"}]],
    "ModelRegistryService.SearchModelVersions": [
        [{"filter": "name = '$registered'"}],
        [{"filter": "run_id = '$published' OR tags.team LIKE 's%' OR source_path LIKE '%sesame%'"}],
    ],
    "ModelRegistryService.SearchRegisteredModels": [
        [{"filter": "name LIKE 'sesa%' OR tags.team LIKE 's%'"}]
    ],
    "ModelRegistryService.SetModelVersionTag": [
        [{"name": "$registered", "version": "1", **_TAGS[0]}]
    ],
    "ModelRegistryService.SetRegisteredModelAlias": [
        [{"name": "$registered", "version": "1", "alias": "mine"}]
    ],
    "ModelRegistryService.SetRegisteredModelTag": [[{"name": "$registered", **_TAGS[0]}]],
    "ModelRegistryService.TransitionModelVersionStage": [
        [{"name": "$registered", "version": "1", "stage": "Production"}]
    ],
    "ModelRegistryService.UpdateModelVersion": [
        [{"name": "$registered", "version": "1", "description": "mine"}]
    ],
    "ModelRegistryService.UpdateRegisteredModel": [
        [{"name": "$registered", "description": "mine"}]
    ],
    "RunService.CountRuns": [
        [{"experiment_ids": ["$experiment"]}],
        [{"filter": _PROBE, "run_view_type": "ALL"}],
    ],
    "RunService.CreateRun": [
        [{"experiment_id": "$experiment", "run_name": "mine"}],
        [
            {
                "experiment_id": "$experiment",
                "tags": [{"key": "mlflow.parentRunId", "value": "$run"}],
            }
        ],
    ],
    "RunService.DeleteRun": [[{"run_id": "$run", "with_children": True}]],
    "RunService.DeleteTag": [[{"run_id": "$run", "key": "team"}]],
    "RunService.GetRun": [[{"run_id": "$run"}]],
    "RunService.GetParamImportance": [
        [{"experiment_ids": ["$experiment"], "number_key": "metrics.$key"}],
        [{"filter": _PROBE, "number_key": "duration", "run_view_type": "ALL"}],
    ],
    "RunService.GroupRuns": [
        [{"experiment_ids": ["$experiment"], "by": ["params.lr"], "text_keys": ["tags.team"]}],
        [{"filter": _PROBE, "by": ["tags.mlflow.parentRunId", "run_name"]}],
    ],
    "RunService.ListConsole": [[{"run_id": "$run"}]],
    "RunService.GetFilterHints": [
        [{"experiment_ids": ["$experiment"], "filter": "params.lx = '1'"}],
        [{"experiment_ids": ["$experiment"], "filter": _PROBE, "run_view_type": "ALL"}],
    ],
    "RunService.ListKeys": [[{"experiment_ids": ["$experiment"]}]],
    "RunService.ListValues": [
        [{"experiment_ids": ["$experiment"], "key": key}]
        for key in ("run_id", "run_name", "user_id", "tags.team", "params.lr", "datasets.name")
    ],
    "RunService.LogInputs": [
        [
            {
                "run_id": "$run",
                "datasets": [{"dataset": {"name": "d", "digest": "1", "source": "s"}}],
            }
        ],
        [{"run_id": "$run", "models": [{"model_id": "$model"}]}],
    ],
    "RunService.LogModel": [[{"run_id": "$run", "model_json": '{"artifact_path": "m"}'}]],
    "RunService.LogOutputs": [[{"run_id": "$run", "models": [{"model_id": "$model"}]}]],
    "RunService.LogParam": [[{"run_id": "$run", "key": "mine", "value": "1"}]],
    "RunService.CopyRuns": [
        [
            {
                "run_ids": ["$run"],
                "experiment_id": "$experiment",
                "write": {"writer": "a" * 32, "sequence": 1},
            }
        ]
    ],
    "RunService.MoveRuns": [[{"run_ids": ["$run"], "experiment_id": "$experiment"}]],
    "RunService.RestoreRun": [[{"run_id": "$run"}]],
    "RunService.SearchRuns": [
        [{"experiment_ids": ["$experiment"], "run_view_type": "ALL"}],
        [{"filter": _PROBE}],
        [{"filter": "attributes.run_id = '$run'"}],
        [{"experiment_ids": ["$experiment"], "max_results": 1, "page_token": "$page"}],
        [{"experiment_ids": ["$experiment"], "metric_keys": {"keys": ["$key"]}}],
    ],
    "RunService.SetTag": [[{"run_id": "$run", **_TAGS[0]}]],
    "RunService.TagRuns": [[{"run_ids": ["$run"], "tags": _TAGS, "deleted_tags": ["team"]}]],
    "RunService.UpdateRun": [[{"run_id": "$run", "run_name": "mine", "status": "KILLED"}]],
    "ServerService.GetServerInfo": [[{}]],
    "ServerService.ServeHttp": [[{}]],
    "WatchService.GetPosition": [[{}]],
    "WatchService.Watch": [
        [{"run_ids": ["$run"]}],
        [{"experiment_ids": ["$experiment"]}],
        [{"experiment_ids": ["$experiment"], "position": "$position"}],
        [{"run_ids": ["$run"], "position": "$position"}],
    ],
}

#: RPCs whose answers are about the caller or the server, and differ from call to call.
OF_THE_CALLER = {
    "AccessService.CreateToken",
    "AccessService.GetCaller",
    "AccessService.ListTokens",
    "ExperimentService.CreateExperiment",
    "ModelRegistryService.CreateRegisteredModel",
    "ServerService.GetServerInfo",
    "ServerService.ServeHttp",
    "WatchService.GetPosition",
}

#: Seconds for which a watch is looked at.
GLANCE = 0.3


#: A header, or an entry of the metadata of a call.
Header = tuple[str, str]


class Answer(NamedTuple):
    """How a call ended, as far as its caller can see."""

    code: str
    text: str


def rpc_name(method: MethodDescriptor) -> str:
    """Return what an RPC is called in `REQUESTS`."""
    return f"{method.containing_service.name}.{method.name}"


def filled(template: Any, names: Names) -> Any:
    """Return a request whose words are replaced by names."""
    return json.loads(Template(json.dumps(template)).substitute(names))


def absent_names(names: Names) -> dict[str, str]:
    """Return names of the same form of what is not there."""
    absent = {
        "run": token_hex(16),
        "published": token_hex(16),
        "registered": f"absent-{token_hex(8)}",
        "experiment": "987654321",
        "model": f"m-{token_hex(16)}",
        "upload": token_hex(16),
        "document": token_hex(16),
        "link": token_hex(16),
        "rule": token_hex(16),
        "token": "987654322",
        "user": f"user-{token_hex(8)}",
        "name": f"absent-{token_hex(8)}",
        "key": "absent_loss",
        "path": "absent.txt",
    }
    return {**names, **absent}


def without_names(text: str, *places: Names) -> str:
    """Return an answer in which each name is its word again."""
    words = {name: word for names in places for word, name in names.items() if name}
    pattern = "|".join(re.escape(name) for name in sorted(words, key=len, reverse=True))
    return re.sub(rf"(?<!\w)(?:{pattern})(?!\w)", lambda match: f"${words[match[0]]}", text)


def call(
    channel: grpc.Channel,
    method: MethodDescriptor,
    messages: Sequence[Any],
    headers: Sequence[Header],
) -> Answer:
    """Make a call with headers that say who makes it."""
    request_class = message_factory.GetMessageClass(method.input_type)
    answer_class = message_factory.GetMessageClass(method.output_type)
    kind = f"{'stream' if method.client_streaming else 'unary'}_" + (
        "stream" if method.server_streaming else "unary"
    )
    path = f"/{method.containing_service.full_name}/{method.name}"
    stub: Any = getattr(channel, kind)(
        path, request_class.SerializeToString, answer_class.FromString
    )
    requests = [ParseDict(message, request_class()) for message in messages]
    answers: list[Any] = []
    try:
        answer = stub(
            iter(requests) if method.client_streaming else requests[0],
            timeout=GLANCE if method.name == "Watch" else 30,
            metadata=headers,
        )
        for part in answer if method.server_streaming else [answer]:
            answers.append(part)  # what came before an error counts
    except grpc.RpcError as error:
        if method.name == "Watch" and error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
            return Answer("OK", _text(answers))
        return Answer(error.code().name, _error_text(error) + _text(answers))
    return Answer("OK", _text(answers))


def _text(answers: Sequence[Any]) -> str:
    text = json.dumps([MessageToDict(answer) for answer in answers])
    return re.sub(r'"requestId": "\w+"', '"requestId": ""', text)


def _error_text(error: Any) -> str:
    status: Any = rpc_status.from_call(error)
    info = ErrorInfo()
    for detail in status.details if status else ():
        if detail.Unpack(info):
            break
    return f"{error.details()} {info.reason} {sorted(info.metadata.items())}"
