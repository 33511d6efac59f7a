"""Makes the stubs, which are not committed, whenever the package is built.

The Python stubs leave out the `google.api.http` routes: an import of `google.api` would make
googleapis-common-protos a dependency of the client, and its releases each accept only some
versions of protobuf, where the client must accept all that TensorFlow and PyTorch bring along.
The server reads the routes, and the comments for its OpenAPI document, from `contract.binpb`.

The web interface is not built here, so that installing the client needs no Node: `make web` builds
it before (docs/decisions/0017), and wheels and source distributions carry what is built.
"""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import google.api
from google.api import annotations_pb2
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from grpc_tools import protoc
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_ROUTES = "google/api/annotations.proto"
_WELL_KNOWN = Path(protoc.__file__).parent / "_proto"
_GOOGLE_API = Path(next(iter(google.api.__path__))).parents[1]


class BuildHook(BuildHookInterface[Any]):
    """Writes stubs and `contract.binpb` into the sources before they are packed."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Generate; hatchling calls this."""
        del version, build_data
        contract = Path(self.root, "proto")
        out = Path(self.root, "clients/python")
        names = sorted(str(p.relative_to(contract)) for p in contract.glob("runstream/**/*.proto"))
        with TemporaryDirectory() as folder:
            image = Path(folder, "contract.binpb")
            _protoc(
                f"-I{contract}",
                f"-I{_GOOGLE_API}",
                f"-I{_WELL_KNOWN}",
                "--include_imports",
                "--include_source_info",
                f"--descriptor_set_out={image}",
                *names,
            )
            Path(self.root, "service/runstream_service/http/contract.binpb").write_bytes(
                image.read_bytes()
            )
            image.write_bytes(_without_routes(image.read_bytes()))
            _protoc(
                f"--descriptor_set_in={image}",
                f"--python_out={out}",
                f"--grpc_python_out={out}",
                f"--mypy_out=quiet:{out}",
                f"--mypy_grpc_out=quiet:{out}",
                *names,
            )


def _protoc(*arguments: str) -> None:
    if protoc.main(["protoc", *arguments]) != 0:
        raise RuntimeError("protoc failed; its message is above")


def _without_routes(image: bytes) -> bytes:
    contract = FileDescriptorSet.FromString(image)
    for file in contract.file:
        if _ROUTES in file.dependency:
            file.dependency.remove(_ROUTES)
        for service in file.service:
            for method in service.method:
                method.options.ClearExtension(annotations_pb2.http)
    return contract.SerializeToString()
