"""The unary RPCs of the contract that have a route, as the build wrote them to `contract.binpb`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from google.api import annotations_pb2
from google.api.http_pb2 import HttpRule
from google.protobuf import descriptor_pool
from google.protobuf.descriptor import Descriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

_IMAGE = Path(__file__).with_name("contract.binpb")
_PACKAGE = "runstream.v1"

# Field numbers in descriptor.proto, of which the paths of comments are made.
_MESSAGE, _FIELD, _SERVICE, _METHOD = 4, 2, 6, 2


@dataclass(frozen=True)
class Rpc:
    """A unary RPC and a route of it.

    Attributes:
        service: full name of its service.
        name: its name.
        verb: verb of HTTP.
        path: template of the path, with variables in braces.
        has_body: whether the request is the body; if not, it is in the query.
        request: type of its requests.
        response: type of its answers.
    """

    service: str
    name: str
    verb: str
    path: str
    has_body: bool
    request: Descriptor
    response: Descriptor


class Contract:
    """The contract as it is written, with routes and comments.

    Attributes:
        rpcs: the RPCs that have a route, in the order in which they stand.
        comments: what the contract says of a message, field or RPC, by its full name.
    """

    def __init__(self) -> None:
        annotations_pb2.http  # noqa: B018 # without the extension, options would be unknown bytes
        image = FileDescriptorSet.FromString(_IMAGE.read_bytes())
        files = [file for file in image.file if file.package == _PACKAGE]
        for file in files:  # so that the messages of the file are known
            import_module(file.name.removesuffix(".proto").replace("/", ".") + "_pb2")
        self.rpcs = [rpc for file in files for rpc in _rpcs(file)]
        self.comments = {name: text for file in files for name, text in _comments(file)}


def is_repeated(field: Any) -> bool:
    """Return whether a field is a list."""
    # protobuf has `is_repeated` from 6.31 on, and from 7 on warns of the `label` that was before.
    if hasattr(field, "is_repeated"):
        return bool(field.is_repeated)
    return bool(field.label == field.LABEL_REPEATED)


def _rpcs(file: FileDescriptorProto) -> Iterator[Rpc]:
    pool = descriptor_pool.Default()
    for service in file.service:
        for method in service.method:
            rule: HttpRule = method.options.Extensions[annotations_pb2.http]
            for route in (rule, *rule.additional_bindings):
                verb = route.WhichOneof("pattern")
                if verb is None:
                    continue
                yield Rpc(
                    service=f"{file.package}.{service.name}",
                    name=method.name,
                    verb=verb.upper(),
                    path=getattr(route, verb),
                    has_body=bool(route.body),
                    request=pool.FindMessageTypeByName(method.input_type.lstrip(".")),
                    response=pool.FindMessageTypeByName(method.output_type.lstrip(".")),
                )


def _comments(file: FileDescriptorProto) -> Iterator[tuple[str, str]]:
    for location in file.source_code_info.location:
        text = location.leading_comments
        if not text:
            continue
        match list(location.path):
            case [kind, i] if kind == _MESSAGE:
                name = file.message_type[i].name
            case [kind, i, part, j] if (kind, part) == (_MESSAGE, _FIELD):
                name = f"{file.message_type[i].name}.{file.message_type[i].field[j].name}"
            case [kind, i, part, j] if (kind, part) == (_SERVICE, _METHOD):
                name = f"{file.service[i].name}.{file.service[i].method[j].name}"
            case _:
                continue
        yield f"{file.package}.{name}", "\n".join(line.strip() for line in text.splitlines())
