"""Messages at random and bytes that are none, for every RPC: no fault of the server, no silence."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

import grpc
import pytest
from google.protobuf import message_factory
from google.protobuf.descriptor import MethodDescriptor
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from fuzz.messages import encoded
from support.fuzzing import SECONDS, FuzzedServer
from support.rpc_methods import METHODS

# Seconds after which the server is silent.
PATIENCE = 20.0
# Seconds that are given to a stream that has no end.
GLANCE = 0.1
ENDLESS = {"Watch"}

#: Calls that may revoke the token that they are made with.
REVOCATIONS = {"RevokeToken", "RevokeUserTokens"}

#: What a server says whose caller is not at fault.
FAULTS = {
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.UNKNOWN,
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DATA_LOSS,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.UNIMPLEMENTED,
    grpc.StatusCode.UNAUTHENTICATED,
}


def call(
    channel: grpc.Channel, method: MethodDescriptor, token: str, requests: Sequence[bytes]
) -> tuple[grpc.StatusCode, str]:
    """Make a call; return how it ended. An answer that is none is an error of this test."""
    kind = f"{'stream' if method.client_streaming else 'unary'}_" + (
        "stream" if method.server_streaming else "unary"
    )
    answer_class = message_factory.GetMessageClass(method.output_type)
    path = f"/{method.containing_service.full_name}/{method.name}"
    stub: Any = getattr(channel, kind)(path, None, answer_class.FromString)
    patience = GLANCE if method.name in ENDLESS else PATIENCE
    content = iter(requests) if method.client_streaming else requests[0]
    try:
        answers = stub(content, timeout=patience, metadata=[("authorization", f"Bearer {token}")])
        for _ in answers if method.server_streaming else ():
            pass
    except grpc.RpcError as error:
        return error.code(), error.details() or ""
    return grpc.StatusCode.OK, ""


@pytest.fixture
def channel(fuzzed: FuzzedServer) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(fuzzed.server.address) as channel:
        yield channel


def faults_of(method: MethodDescriptor) -> set[grpc.StatusCode]:
    """Return how a call of an RPC must not end."""
    if method.name in ENDLESS:
        return FAULTS - {grpc.StatusCode.DEADLINE_EXCEEDED}
    if method.name in REVOCATIONS:
        return FAULTS - {grpc.StatusCode.UNAUTHENTICATED}
    return FAULTS


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.full_name[13:])
def test_no_message_is_the_fault_of_the_server(
    method: MethodDescriptor, fuzzed: FuzzedServer, channel: grpc.Channel
) -> None:
    # Nothing is denied to an admin; their token must stay, so that of another may go.
    token = fuzzed.tokens["bob" if method.name in REVOCATIONS else "root"]
    faults = faults_of(method)
    deadline = time.monotonic() + SECONDS / 2 / len(METHODS)
    strategy = st.lists(encoded(method.input_type, fuzzed.names), min_size=1, max_size=3)
    number = 0
    while number == 0 or time.monotonic() < deadline:
        number += 1  # the same messages each time, and others the longer it goes on

        @seed(number)
        @settings(
            max_examples=20,
            database=None,
            phases=[Phase.generate],  # the server changes, so a failure need not come again
            suppress_health_check=list(HealthCheck),
        )
        @given(strategy)
        def check(requests: list[bytes]) -> None:
            code, text = call(channel, method, token, requests)
            assert code not in faults, (code, text, requests)

        check()
