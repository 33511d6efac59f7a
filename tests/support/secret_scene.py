"""Something secret of Ada's on a server, and those who must not see it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from secrets import token_hex
from typing import Any, NamedTuple

import grpc
from google.protobuf.descriptor import MethodDescriptor

from runstream.v1 import access_service_pb2 as access
from runstream.v1 import alert_service_pb2 as alerts
from runstream.v1.artifact_service_pb2 import ListArtifactsRequest
from runstream.v1.console_pb2 import ConsoleLine, ConsoleStream
from runstream.v1.document_pb2 import DocumentKind
from runstream.v1.document_service_pb2 import CreateDocumentRequest
from runstream.v1.experiment_service_pb2 import SearchExperimentsRequest, SetExperimentTagRequest
from runstream.v1.logged_model_service_pb2 import (
    CreateLoggedModelRequest,
    SearchLoggedModelsRequest,
)
from runstream.v1.metric_service_pb2 import GetMetricHistoryRequest
from runstream.v1.model_registry_service_pb2 import SetRegisteredModelAliasRequest
from runstream.v1.run_pb2 import DatasetInput
from runstream.v1.run_service_pb2 import CreateRunRequest, LogInputsRequest, SearchRunsRequest
from runstream.v1.watch_service_pb2 import GetPositionRequest
from support import intruders
from support.access import ROLES, GuardedServer, begin_session, create_token
from support.api import Api, make_batch
from support.artifacts import chunk_parts, half_open, start_part, upload, uploaded_bytes
from support.intruders import MARKER, REQUESTS, Answer, Header, Names, rpc_name
from support.registry import add_version, register
from support.waiting import wait_until

#: Who is known and has no grant: a writer, a reader, one whose grant was taken away, and one with a
#: session of the interface instead of a token.
STRANGERS = ("eve", "bob", "former", "visitor")


class Scene(NamedTuple):
    """A server, those who call it, and what says who they are.

    Attributes:
        channel: a channel to it, without a token.
        headers: the headers that say who somebody is, by their name.
    """

    guarded: GuardedServer
    channel: grpc.Channel
    headers: dict[str, list[Header]]

    def call(self, who: str, method: MethodDescriptor, names: Names) -> list[Answer]:
        """Make all calls of `REQUESTS` of an RPC as somebody."""
        return [
            intruders.call(
                self.channel, method, intruders.filled(messages, names), self.headers[who]
            )
            for messages in REQUESTS[rpc_name(method)]
        ]


@contextmanager
def open_scene(guarded: GuardedServer) -> Iterator[Scene]:
    """Add those who must not be let in to a server."""
    root = guarded.apis["root"]
    tokens = dict(guarded.tokens)
    tokens["former"] = create_token(root, "former", ROLES["ada"])
    headers = {name: [("authorization", f"Bearer {token}")] for name, token in tokens.items()}
    session = begin_session(guarded.server.http, create_token(root, "visitor", ROLES["ada"]))
    headers["visitor"] = [("cookie", session)]
    with grpc.insecure_channel(guarded.server.address) as channel:
        yield Scene(guarded, channel, headers)


def make_secret(ada: Api, root: Api) -> dict[str, str]:
    """Make one of each thing as Ada, with `MARKER` in it; return what names them."""
    names = {"name": f"{MARKER}-{token_hex(8)}", "key": f"{MARKER}_loss", "new": token_hex(8)}
    names["position"] = root.watches.GetPosition(GetPositionRequest()).position
    experiment = names["experiment"] = ada.create_experiment(names["name"])
    run = CreateRunRequest(experiment_id=experiment, run_name=MARKER)
    names["published"] = ada.runs.CreateRun(run).run.info.run_id
    names["run"] = ada.runs.CreateRun(run).run.info.run_id
    fill_run(ada, names)
    ada.experiments.SetExperimentTag(
        SetExperimentTagRequest(experiment_id=experiment, key="team", value=MARKER)
    )
    model = CreateLoggedModelRequest(experiment_id=experiment, name=MARKER)
    model.tags.add(key="team", value=MARKER)
    ada.models.CreateLoggedModel(model)
    names["model"] = ada.models.CreateLoggedModel(model).model.info.model_id
    upload(ada, names["model"], names["path"], MARKER.encode())
    names["registered"] = publish(ada, names["published"])
    for word, kind, title in (
        ("document", DocumentKind.DOCUMENT_KIND_REPORT, MARKER),
        ("link", DocumentKind.DOCUMENT_KIND_VIEW, ""),
    ):
        document = CreateDocumentRequest(
            experiment_id=experiment, kind=kind, title=title, text=f"{MARKER}=1"
        )
        names[word] = ada.documents.CreateDocument(document).document.document_id
    for number in range(2):
        ada.alerts.CreateAlert(
            alerts.CreateAlertRequest(run_id=names["run"], title=f"{MARKER}{number}")
        )
    rule = alerts.CreateAlertRuleRequest(experiment_id=experiment, name=MARKER)
    rule.run_ended.SetInParent()
    names["rule"] = ada.alerts.CreateAlertRule(rule).rule.rule_id
    roles = access.GrantRole
    for grantee, role in (
        ("user:former", roles.GRANT_ROLE_OWNER),
        ("group:friends", roles.GRANT_ROLE_READER),
    ):
        ada.access.SetGrant(
            access.SetGrantRequest(experiment_id=experiment, grantee=grantee, role=role)
        )
    ada.access.DeleteGrant(
        access.DeleteGrantRequest(experiment_id=experiment, grantee="user:former")
    )
    spare = ada.access.CreateToken(access.CreateTokenRequest(role=ROLES["bob"], description=MARKER))
    names["token"] = str(spare.token.token_id)
    names["user"] = f"user-{token_hex(8)}"
    of_user = access.CreateTokenRequest(user_name=names["user"], role=ROLES["bob"])
    root.access.CreateToken(of_user)
    return names | page_tokens(ada, names)


def publish(ada: Api, run_id: str) -> str:
    """Make a version of a file of a run, with an alias; return the name of its registered model."""
    upload(ada, run_id, f"{MARKER}.txt", MARKER.encode())
    name = register(ada, f"{MARKER} {token_hex(8)}", team=MARKER)
    add_version(ada, name, f"runs:/{run_id}/{MARKER}.txt", team=MARKER)
    ada.registry.SetRegisteredModelAlias(
        SetRegisteredModelAliasRequest(name=name, alias="best", version="1")
    )
    return name


def page_tokens(ada: Api, names: Names) -> dict[str, str]:
    """Return a page token that Ada has got of each kind of list, by its word in `REQUESTS`."""
    experiment_ids, run_id = [names["experiment"]], names["run"]
    runs = SearchRunsRequest(experiment_ids=experiment_ids, max_results=1)
    models = SearchLoggedModelsRequest(experiment_ids=experiment_ids, max_results=1)
    files = ListArtifactsRequest(run_id=run_id, max_results=1)
    points = GetMetricHistoryRequest(run_id=run_id, metric_key=names["key"], max_results=1)
    answers: dict[str, Any] = {
        "page": ada.runs.SearchRuns(runs),
        "experiments_page": ada.experiments.SearchExperiments(
            SearchExperimentsRequest(max_results=1)
        ),
        "models_page": ada.models.SearchLoggedModels(models),
        "files_page": ada.artifacts.ListArtifacts(files),
        "alerts_page": ada.alerts.ListAlerts(
            alerts.ListAlertsRequest(experiment_id=names["experiment"], max_results=1)
        ),
        "points_page": ada.metrics.GetMetricHistory(points),
    }
    return {word: answer.next_page_token for word, answer in answers.items()}


def fill_run(ada: Api, names: dict[str, str]) -> None:
    """Log something of each kind to a run, and leave an upload behind that is not complete."""
    run_id, names["path"], names["upload"] = names["run"], f"{MARKER}.txt", token_hex(16)
    points = [(names["key"], step, 1, 0.5) for step in (1, 2)]
    batch = make_batch(run_id, points, [("lr", MARKER)], [("team", MARKER)])
    batch.console.append(
        ConsoleLine(stream=ConsoleStream.CONSOLE_STREAM_STDOUT, timestamp=1, text=MARKER, writer=1)
    )
    assert not ada.log_batches([batch])[0].error.reason
    dataset = DatasetInput()
    dataset.dataset.name, dataset.dataset.digest = MARKER, "1"
    dataset.dataset.source, dataset.dataset.source_type = MARKER, "local"
    ada.runs.LogInputs(LogInputsRequest(run_id=run_id, datasets=[dataset]))
    upload(ada, run_id, names["path"], MARKER.encode())
    upload(ada, run_id, "z", MARKER.encode())
    start = start_part(run_id, "up", names["upload"])
    with half_open(ada, start, *chunk_parts(b"part")):
        wait_until(lambda: uploaded_bytes(ada, run_id, names["upload"], "up") == 4, 20)
