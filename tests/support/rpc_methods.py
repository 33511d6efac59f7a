"""The RPCs of the contract, from its descriptors."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from google.protobuf.descriptor import MethodDescriptor

PROTO = Path(__file__).parents[2] / "proto/runstream/v1"


def methods() -> list[MethodDescriptor]:
    """The RPCs of the contract."""
    files = [import_module(f"runstream.v1.{file.stem}_pb2") for file in PROTO.glob("*.proto")]
    return sorted(
        (
            method
            for file in files
            for service in file.DESCRIPTOR.services_by_name.values()
            for method in service.methods
        ),
        key=lambda method: str(method.full_name),
    )


#: All of them, by name.
METHODS = methods()
