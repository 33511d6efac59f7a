"""Checks the contract: `buf lint`, and `buf breaking` against the main branch (`make lint`).

buf is given images that protoc makes, because the imports of `google/api` come from the installed
googleapis-common-protos package, which buf does not know.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import google.api
import grpc_tools
from grpc_tools import protoc

CONTRACT = Path(__file__).parent
BUF = CONTRACT / "node_modules/.bin/buf"

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
    if protoc.main(["protoc", *paths, *parts, *names]) != 0:
        raise RuntimeError(f"{contract} does not compile")


def main() -> int:
    """Run both checks and return the exit status."""
    with TemporaryDirectory() as folder:
        image = Path(folder, "contract.binpb")
        write_image(CONTRACT, image)
        failed = _buf("lint", image)
        before = _main_branch(Path(folder, "main"))
        if before is not None:
            main_image = Path(folder, "main.binpb")
            write_image(before, main_image)
            failed |= _buf("breaking", image, "--against", main_image)
    return failed


def _buf(command: str, *arguments: str | Path) -> int:
    return subprocess.run([BUF, command, *arguments, "--config", CONTRACT / "buf.yaml"]).returncode


def _main_branch(folder: Path) -> Path | None:
    """Unpack the contract of the main branch, and return None where there is none yet."""
    git = ["git", "-C", str(CONTRACT.parent)]
    for tree in ("origin/main:proto", "main:proto"):
        found = subprocess.run(
            [*git, "rev-parse", "--verify", "--quiet", tree], capture_output=True
        )
        if found.returncode == 0:
            archive = subprocess.run([*git, "archive", tree], capture_output=True, check=True)
            with tarfile.open(fileobj=BytesIO(archive.stdout)) as files:
                files.extractall(folder, filter="data")
            return folder
    print("buf breaking: skipped, there is no contract on the main branch yet")
    return None


if __name__ == "__main__":
    sys.exit(main())
