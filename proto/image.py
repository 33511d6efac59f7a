"""Compiles the contract, with what it imports, into an image that buf reads in place of sources.

    python proto/image.py contract.binpb

buf knows the imports of `google/api` from its own registry alone; here they come from the installed
googleapis-common-protos package.
"""

from __future__ import annotations

import sys
from pathlib import Path

import google.api
import grpc_tools
from grpc_tools import protoc

CONTRACT = Path(__file__).parent

# The details of errors, which no file of the contract imports.
ERROR_DETAILS = "google/rpc/error_details.proto"

_GOOGLE_API = Path(next(iter(google.api.__path__))).parents[1]
_WELL_KNOWN = Path(next(iter(grpc_tools.__path__)), "_proto")


def write_image(contract: Path, image: Path) -> None:
    """Compile all files of a contract, with what they import, into one descriptor set.

    Raises:
        RuntimeError: the contract does not compile; protoc has said why on stderr.
    """
    names = sorted(str(p.relative_to(contract)) for p in contract.glob("runstream/**/*.proto"))
    paths = [f"-I{folder}" for folder in (contract, _GOOGLE_API, _WELL_KNOWN)]
    parts = ["--include_imports", "--include_source_info", f"--descriptor_set_out={image}"]
    if protoc.main(["protoc", *paths, *parts, *names, ERROR_DETAILS]) != 0:
        raise RuntimeError(f"{contract} does not compile")


if __name__ == "__main__":
    write_image(CONTRACT, Path(sys.argv[1]))
