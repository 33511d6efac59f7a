"""Every RPC with messages damaged at random: no mistake of a caller is a fault of ours."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor
from google.protobuf.message_factory import GetMessageClass

import runstream.v1
from runstream.v1.run_pb2 import RunTag
from runstream.v1.run_service_pb2 import CreateRunRequest
from runstream_service.grpc_server import SERVICES
from support.api import Api, make_batch
from support.server_process import ServerProcess

SECONDS = 6.0
NUMBERS = (0, 1, -1, 2, 7, 100, 2**31 - 1, 2**31, -(2**31), 2**63 - 1, -(2**63))
DOUBLES = (0.0, -0.0, 1.5, float("nan"), float("inf"), float("-inf"), 5e-324)
TEXTS = (
    "",
    "0",
    "1",
    "m",
    "a/b",
    "../a",
    "/",
    "a\0b",
    "\N{ZERO WIDTH JOINER}",
    "\N{GRINNING FACE}" * 300,
    "x" * 70_000,
    "f" * 32,
    "m-" + "f" * 32,
    "e" * 64,
    "{}",
    "[" * 2_000,
    '{"a":' * 500,
    "metrics.m > 0.5 AND params.p LIKE 'a%'",
    "tags.`t` RLIKE '(a|b)*'",
    "attributes.start_time < 99999999999999999999999999",
    "metrics.m DESC",
    "start_time",
    "bnVsbA==",
    "WzEsMl0=",
    "WyJhIiwxZTk5OV0=",
    "2026-13-45",
)


class Fuzzer:
    """Makes messages of a type, some of them damaged."""

    def __init__(self, seed: int, texts: Sequence[str]) -> None:
        self._random = random.Random(seed)
        self._texts = texts

    def message(self, kind: Descriptor) -> bytes:
        """Return a serialized message, which need not be one any more."""
        data = bytearray(self._message(kind, 0).SerializeToString())
        for _ in range(self._random.choice((0, 0, 1, 1, 2, 5))):
            self._damage(data)
        return bytes(data)

    def _message(self, kind: Descriptor, depth: int) -> Any:
        message = GetMessageClass(kind)()
        for field in kind.fields:
            if self._random.random() < 0.25 or depth > 4:
                continue
            if field.is_repeated:
                count = self._random.choice((0, 1, 1, 2, 5))
                values = [self._value(field, depth) for _ in range(count)]
                if field.message_type and field.message_type.GetOptions().map_entry:
                    continue
                getattr(message, field.name).extend(values)
            elif field.message_type:
                getattr(message, field.name).CopyFrom(self._value(field, depth))
            else:
                setattr(message, field.name, self._value(field, depth))
        return message

    def _value(self, field: FieldDescriptor, depth: int) -> Any:
        pick = self._random.choice
        if field.message_type:
            return self._message(field.message_type, depth + 1)
        match field.cpp_type:
            case FieldDescriptor.CPPTYPE_STRING:
                text = pick(self._texts)
                return text.encode() if field.type == FieldDescriptor.TYPE_BYTES else text
            case FieldDescriptor.CPPTYPE_BOOL:
                return pick((False, True))
            case FieldDescriptor.CPPTYPE_DOUBLE | FieldDescriptor.CPPTYPE_FLOAT:
                return pick(DOUBLES)
            case FieldDescriptor.CPPTYPE_INT64:
                return pick(NUMBERS)
            case FieldDescriptor.CPPTYPE_UINT64:
                return abs(pick(NUMBERS))
            case FieldDescriptor.CPPTYPE_UINT32:
                return pick((0, 0, 1, 2, 2**32 - 1))
        return pick((0, 1, 2, 3, 99, -1, 2**31 - 1, -(2**31)))  # and of enums, too

    def _damage(self, data: bytearray) -> None:
        choose = self._random
        at = choose.randrange(len(data) + 1)
        match choose.randrange(6):
            case 0:
                data[at:at] = choose.randbytes(choose.choice((1, 2, 9)))
            case 1:
                del data[at : at + choose.choice((1, 3, 20))]
            case 2:
                data[at : at + 1] = choose.randbytes(1)
            case 3:
                data[at : at + 1] = b"\xff" * 9 + choose.choice((b"\x01", b"\x7f"))
            case 4:
                data[at:at] = data[: choose.randrange(len(data) + 1)]
            case 5:
                data[at : at + 4] = choose.choice((b"\xed\xa0\x80", b"\xc0\x80", b"\0\0\0\0"))


@pytest.fixture
def texts(api: Api) -> Sequence[str]:
    """Texts, among them what names things that are there."""
    tags = [RunTag(key="t", value="x" * 1_000)]
    run_ids = [api.runs.CreateRun(CreateRunRequest(tags=tags)).run.info.run_id for _ in range(3)]
    for run_id in run_ids:
        api.log_batches(
            [make_batch(run_id, [("m", 1, 1, float("nan"))], [("p", "1")], [("t", "2")])]
        )
    position = api.watches.GetPosition(runstream.v1.watch_service_pb2.GetPositionRequest()).position
    return [*TEXTS, *run_ids * 4, position]


def methods() -> Iterator[MethodDescriptor]:
    for name in SERVICES:
        module = [m for m in vars(runstream.v1).values() if name.rpartition(".")[2] in _services(m)]
        yield from module[0].DESCRIPTOR.services_by_name[name.rpartition(".")[2]].methods


def _services(module: Any) -> Any:
    return getattr(getattr(module, "DESCRIPTOR", None), "services_by_name", {})


def call(channel: grpc.Channel, method: MethodDescriptor, messages: Sequence[bytes]) -> Any:
    """Call a method with serialized messages; return the status of the call."""
    path = f"/{method.containing_service.full_name}/{method.name}"
    kind = (
        "stream" if method.client_streaming else "unary",
        "stream" if method.server_streaming else "unary",
    )
    make: Callable[..., Any] = getattr(channel, "_".join(kind))(path)
    request = iter(messages) if method.client_streaming else messages[0]
    timeout = 0.2 if method.name == "Watch" else 30
    try:
        answers = make(request, timeout=timeout)
        if method.server_streaming:
            for _ in answers:
                pass
    except grpc.RpcError as error:
        return error.code()
    return grpc.StatusCode.OK


def test_no_damaged_message_is_a_fault_of_the_server(
    server: ServerProcess, texts: Sequence[str]
) -> None:
    fuzzer = Fuzzer(20, texts)
    every = list(methods())
    assert len(every) > 40
    seen: Counter[Any] = Counter()
    end = time.monotonic() + SECONDS
    with grpc.insecure_channel(server.address) as channel:
        while time.monotonic() < end:
            for method in every:
                messages = [fuzzer.message(method.input_type) for _ in range(3)]
                code = call(channel, method, messages)
                seen[code] += 1
                faults = (grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN)
                assert code not in faults, (method.full_name, messages)
                assert code != grpc.StatusCode.UNAVAILABLE, (method.full_name, messages)
    assert seen[grpc.StatusCode.OK] > 20
    assert seen[grpc.StatusCode.INVALID_ARGUMENT] > 20
    assert "failed" not in server.stop()
