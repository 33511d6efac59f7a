"""Makes the packages of stubs as docs/stubs.md says, and runs programs that have them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

from runstream import TrackingClient
from support.server_process import ENVIRONMENT

ROOT = Path(__file__).parents[2]
BUF = ROOT / "proto/node_modules/.bin"
DOCUMENT = (ROOT / "docs/stubs.md").read_text()

#: The files of the contract, without their suffix.
CONTRACT = sorted(path.stem for path in ROOT.glob("proto/runstream/v1/*.proto"))


class Workshop:
    """Runs commands in a copy of one package of stubs.

    Attributes:
        folder: the copy.
        modules: where a module for Go is published.
    """

    def __init__(self, language: str, image: Path, folder: Path, *tools: Path) -> None:
        self.folder = folder
        self.modules = folder.with_name("modules")
        self._image = image
        self._section = DOCUMENT.partition(f"\n## {language}\n")[2].partition("\n## ")[0]
        path = os.pathsep.join([*map(str, tools), os.environ["PATH"]])
        self._environment = ENVIRONMENT | {"PATH": path}
        made = shutil.ignore_patterns("node_modules", "gen", "runstream")
        shutil.copytree(ROOT / "clients" / language.lower(), folder, ignore=made)

    def follow_document(self) -> None:
        """Run the lines of the document that make the package.

        The image has what buf would get from its registry.
        """
        (block,) = re.findall(r"```console\n\$ cd clients/\w+\n(.*?)```", self._section, re.S)
        block = block.replace("../../proto", f"{self._image} --path runstream")
        block = block.replace("buf.build/googleapis/googleapis", str(self._image))
        block = block.replace("/srv/modules", str(self.modules))
        for line in block.replace("../..", str(ROOT)).splitlines():
            self.run(line.removeprefix("$ "))

    def run(self, command: str, folder: Path | None = None, **environment: str) -> str:
        """Run a command of a shell that succeeds, and return what it printed."""
        status, out, errors = self.attempt(command, folder, **environment)
        assert status == 0, f"{command}: {out}{errors}"
        return out

    def attempt(
        self, command: str, folder: Path | None = None, **environment: str
    ) -> tuple[int, str, str]:
        """Run a command of a shell, and return its status and what it printed."""
        done = subprocess.run(
            command,
            shell=True,
            cwd=folder or self.folder,
            env=self._environment | environment,
            capture_output=True,
            text=True,
        )
        return done.returncode, done.stdout, done.stderr


class SecuredServer(NamedTuple):
    """A server over TLS that knows a caller.

    Attributes:
        uri: where it is.
        variables: whom to trust, and the token, for the environment of a program.
    """

    uri: str
    variables: dict[str, str]

    def check_logged(self, line: str) -> None:
        """Check that the run is stored that an example said it has logged and read back."""
        run_id, result = line.split(":")
        assert result == " loss 0.0033333333333333335 at 299\n"
        with TrackingClient(self.uri, token=self.variables["RUNSTREAM_TOKEN"]) as client:
            assert client.get_run(run_id).info.status == "FINISHED"
            history = client.get_metric_history(run_id, "loss")
        assert [(point.step, point.value) for point in history] == [
            (step, 1 / (step + 1)) for step in range(300)
        ]
