"""Checks the contract: `buf lint`, and `buf breaking` against the main branch (`make lint`).

buf is given the images of `image.py`.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from image import CONTRACT, write_image

BUF = CONTRACT / "node_modules/.bin/buf"


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
