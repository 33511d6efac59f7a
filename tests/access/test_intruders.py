"""Those who should not see a thing, and every RPC: nothing read, nothing written, nothing told.

What an RPC tells somebody about a thing that they must not see is compared with what it tells them
about one that is not there.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from secrets import token_hex
from typing import NamedTuple

import grpc
import pytest
from google.protobuf.descriptor import MethodDescriptor

from runstream.v1 import access_service_pb2 as access
from runstream.v1.console_pb2 import ConsoleLine, ConsoleStream
from runstream.v1.experiment_service_pb2 import SearchExperimentsRequest, SetExperimentTagRequest
from runstream.v1.logged_model_service_pb2 import CreateLoggedModelRequest
from runstream.v1.run_pb2 import DatasetInput
from runstream.v1.run_service_pb2 import CreateRunRequest, LogInputsRequest, SearchRunsRequest
from runstream.v1.watch_service_pb2 import GetPositionRequest
from support import intruders
from support.access import ROLES, GuardedServer, create_token
from support.api import Api, make_batch
from support.artifacts import chunk_parts, half_open, start_part, upload, uploaded_bytes
from support.intruders import MARKER, OF_THE_CALLER, REQUESTS, Answer, Names, rpc_name
from support.rpc_methods import METHODS
from support.waiting import wait_until

#: Who has a token and no grant: a writer, a reader, and one whose grant was taken away.
STRANGERS = ("eve", "bob", "former")

# What an RPC needs to be done before, by its name.
BEFORE = {"ExperimentService.RestoreExperiment": "ExperimentService.DeleteExperiment"}

READS = ("Get", "List", "Search", "Count", "Read", "Download")


BY_NAME = {rpc_name(method): method for method in METHODS}


class Scene(NamedTuple):
    """A server, those who call it, and what says who they are."""

    guarded: GuardedServer
    channel: grpc.Channel
    headers: dict[str, str]

    def call(self, who: str, method: MethodDescriptor, names: Names) -> list[Answer]:
        """Make all calls of `REQUESTS` of an RPC as somebody."""
        return [
            intruders.call(
                self.channel, method, intruders.filled(messages, names), self.headers[who]
            )
            for messages in REQUESTS[rpc_name(method)]
        ]


@pytest.fixture(scope="module")
def scene(guarded: GuardedServer) -> Iterator[Scene]:
    root = guarded.apis["root"]
    tokens = dict(guarded.tokens)
    tokens["former"] = create_token(root, "former", ROLES["ada"])
    request = access.CreateTokenRequest(user_name="ada", role=ROLES["root"])
    revoked = root.access.CreateToken(request)
    root.access.RevokeToken(access.RevokeTokenRequest(token_id=revoked.token.token_id))
    soon = round(1000 * (time.time() + 1))
    expired = create_token(root, "ada", ROLES["root"], expiry_time=soon)
    tokens |= {"revoked": revoked.secret, "expired": expired, "garbage": "rst_" + 43 * "A"}
    # {"alg": "none"} and {"sub": "root"}, without a signature
    tokens["unsigned"] = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJyb290In0."
    headers = {name: f"Bearer {token}" for name, token in tokens.items()}
    with grpc.insecure_channel(guarded.server.address) as channel:
        time.sleep(max(0, soon / 1000 - time.time()) + 0.1)
        yield Scene(guarded, channel, headers | {"nobody": ""})


@pytest.fixture
def secret(scene: Scene, request: pytest.FixtureRequest) -> dict[str, str]:
    """What Ada has and nobody else may see; returns what names it."""
    apis = scene.guarded.apis
    names = make_secret(apis["ada"], apis["root"])
    method = request.node.callspec.params["method"]
    if before := BEFORE.get(rpc_name(method)):
        scene.call("ada", BY_NAME[before], names)
    return names


def make_secret(ada: Api, root: Api) -> dict[str, str]:
    """Make one of each thing as Ada, with `MARKER` in it; return what names them."""
    names = {"name": f"{MARKER}-{token_hex(8)}", "key": f"{MARKER}_loss", "new": token_hex(8)}
    names["position"] = root.watches.GetPosition(GetPositionRequest()).position
    experiment = names["experiment"] = ada.create_experiment(names["name"])
    run = CreateRunRequest(experiment_id=experiment, run_name=MARKER)
    ada.runs.CreateRun(run)
    names["run"] = ada.runs.CreateRun(run).run.info.run_id
    fill_run(ada, names)
    ada.experiments.SetExperimentTag(
        SetExperimentTagRequest(experiment_id=experiment, key="team", value=MARKER)
    )
    model = CreateLoggedModelRequest(experiment_id=experiment, name=MARKER)
    model.tags.add(key="team", value=MARKER)
    names["model"] = ada.models.CreateLoggedModel(model).model.info.model_id
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
    page = SearchRunsRequest(experiment_ids=[experiment], max_results=1)
    names["page"] = ada.runs.SearchRuns(page).next_page_token
    page_of_all = SearchExperimentsRequest(max_results=1)
    names["experiments_page"] = ada.experiments.SearchExperiments(page_of_all).next_page_token
    return names


def fill_run(ada: Api, names: dict[str, str]) -> None:
    """Log something of each kind to a run, and leave an upload behind that is not complete."""
    run_id, names["path"], names["upload"] = names["run"], f"{MARKER}.txt", token_hex(16)
    batch = make_batch(run_id, [(names["key"], 1, 1, 0.5)], [("lr", MARKER)], [("team", MARKER)])
    batch.console.append(
        ConsoleLine(stream=ConsoleStream.CONSOLE_STREAM_STDOUT, timestamp=1, text=MARKER, writer=1)
    )
    assert not ada.log_batches([batch])[0].error.reason
    dataset = DatasetInput()
    dataset.dataset.name, dataset.dataset.digest = MARKER, "1"
    dataset.dataset.source, dataset.dataset.source_type = MARKER, "local"
    ada.runs.LogInputs(LogInputsRequest(run_id=run_id, datasets=[dataset]))
    upload(ada, run_id, names["path"], MARKER.encode())
    start = start_part(run_id, "up", names["upload"])
    with half_open(ada, start, *chunk_parts(b"part")):
        wait_until(lambda: uploaded_bytes(ada, run_id, names["upload"], "up") == 4, 20)


def everything(scene: Scene, names: Names) -> dict[str, list[Answer]]:
    """Return all that can be read of what is secret, as an admin reads it."""
    return {
        rpc_name(method): scene.call("root", method, names)
        for method in METHODS
        if method.name.startswith(READS) and rpc_name(method) not in OF_THE_CALLER
        if method.name != "SearchExperiments"  # strangers may create others
    }


def test_there_are_requests_for_every_rpc() -> None:
    assert {rpc_name(method) for method in METHODS} == set(REQUESTS)


@pytest.mark.parametrize("method", METHODS, ids=rpc_name)
def test_who_proves_nothing_is_told_nothing(method: MethodDescriptor, scene: Scene) -> None:
    names = dict.fromkeys(
        ("run", "experiment", "model", "upload", "name", "key", "path", "position"), "1"
    )
    names |= dict.fromkeys(("token", "new", "page", "experiments_page"), "1")
    for who in ("nobody", "garbage", "unsigned", "expired", "revoked"):
        answers = scene.call(who, method, names)
        assert {answer.code for answer in answers} == {"UNAUTHENTICATED"}, who


@pytest.mark.parametrize("method", METHODS, ids=rpc_name)
def test_a_stranger_is_told_of_a_secret_what_is_told_of_nothing(
    method: MethodDescriptor, scene: Scene, secret: dict[str, str]
) -> None:
    before = everything(scene, secret)
    absent = intruders.absent_names(secret)
    for who in STRANGERS:
        answers = scene.call(who, method, secret)
        texts = [intruders.without_names(a.text, secret, absent) for a in answers]
        assert MARKER not in " ".join(texts), (who, answers)
        if rpc_name(method) in OF_THE_CALLER:
            continue
        others = scene.call(who, method, absent)
        expected = [intruders.without_names(a.text, secret, absent) for a in others]
        assert texts == expected, who
        assert [a.code for a in answers] == [a.code for a in others], who
    assert everything(scene, secret) == before


#: Those whom an owner may not call.
OF_ADMINS = {"MaintenanceService.Purge"}
#: Those that a server of this kind refuses to everybody.
REFUSED = {"ServerService.ServeHttp"}


@pytest.mark.parametrize("method", METHODS, ids=rpc_name)
def test_the_owner_gets_an_answer_to_the_same_requests(
    method: MethodDescriptor, scene: Scene, secret: dict[str, str]
) -> None:
    if rpc_name(method) in REFUSED:
        return
    who = "root" if rpc_name(method) in OF_ADMINS else "ada"
    for answer in scene.call(who, method, secret):
        assert answer.code == "OK", answer
        assert '"error"' not in answer.text
