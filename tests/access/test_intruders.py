"""Those who should not see a thing, and every RPC: nothing read, nothing written, nothing told.

What an RPC tells somebody about a thing that they must not see is compared with what it tells them
about one that is not there.
"""

from __future__ import annotations

import pytest
from google.protobuf.descriptor import MethodDescriptor

from support import intruders
from support.intruders import MARKER, OF_THE_CALLER, REQUESTS, Answer, Names, rpc_name
from support.rpc_methods import METHODS
from support.secret_scene import STRANGERS, Scene

# What an RPC needs to be done before, by its name.
BEFORE = {
    "ExperimentService.RestoreExperiment": "ExperimentService.DeleteExperiment",
    "MaintenanceService.PurgeExperiment": "RunService.DeleteRun",
    "RunService.CopyRuns": "RunService.UpdateRun",
}

# What strangers add to by what they try, such as experiments of theirs.
OF_ALL = ("SearchAuditLog", "SearchExperiments", "SearchRegisteredModels")

READS = ("Get", "List", "Search", "Count", "Read", "Download")


BY_NAME = {rpc_name(method): method for method in METHODS}


def everything(scene: Scene, names: Names) -> dict[str, list[Answer]]:
    """Return all that can be read of what is secret, as an admin reads it."""
    return {
        rpc_name(method): scene.call("root", method, names)
        for method in METHODS
        if method.name.startswith(READS) and rpc_name(method) not in OF_THE_CALLER
        if method.name not in OF_ALL
    }


def prepare(scene: Scene, method: MethodDescriptor, names: Names) -> None:
    """Do what has to be done before an RPC."""
    if before := BEFORE.get(rpc_name(method)):
        scene.call("ada", BY_NAME[before], names)


def test_there_are_requests_for_every_rpc() -> None:
    assert {rpc_name(method) for method in METHODS} == set(REQUESTS)


@pytest.mark.parametrize("method", METHODS, ids=rpc_name)
def test_a_stranger_is_told_of_a_secret_what_is_told_of_nothing(
    method: MethodDescriptor, scene: Scene, secret: dict[str, str]
) -> None:
    prepare(scene, method, secret)
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
OF_ADMINS = {
    "AccessService.RevokeUserTokens",
    "AccessService.SearchAuditLog",
    "MaintenanceService.Purge",
}
#: Those that a server of this kind refuses to everybody.
REFUSED = {"ServerService.ServeHttp"}


@pytest.mark.parametrize("method", METHODS, ids=rpc_name)
def test_the_owner_gets_an_answer_to_the_same_requests(
    method: MethodDescriptor, scene: Scene, secret: dict[str, str]
) -> None:
    if rpc_name(method) in REFUSED:
        return
    prepare(scene, method, secret)
    who = "root" if rpc_name(method) in OF_ADMINS else "ada"
    for answer in scene.call(who, method, secret):
        assert answer.code == "OK", answer
        assert '"error"' not in answer.text
