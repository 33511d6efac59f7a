"""The `runstream` command against one server, as a shell runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from click.testing import CliRunner, Result

from runstream.cli import main
from support.server_process import ENVIRONMENT

COMMAND = [sys.executable, "-m", "runstream"]


class Shell:
    """Runs commands with the tracking URI in the environment.

    They run in this process, through click's own runner: what a process of its own adds is tested
    where it matters, by `process`.
    """

    def __init__(self, uri: str) -> None:
        self.environment = {"RUNSTREAM_TRACKING_URI": uri}

    def run(self, *arguments: str, **environment: str) -> Result:
        return CliRunner().invoke(
            main, arguments, env=self.environment | environment, catch_exceptions=False
        )

    def output(self, *arguments: str, **environment: str) -> str:
        """Return what a command prints that must succeed and say nothing on stderr."""
        done = self.run(*arguments, **environment)
        assert (done.exit_code, done.stderr) == (0, ""), done.output
        return done.stdout

    def json(self, *arguments: str, **environment: str) -> Any:
        """Return what a command prints as JSON."""
        return json.loads(self.output(*arguments, "--json", **environment))

    def rows(self, *arguments: str, **environment: str) -> list[list[str]]:
        """Return the table that a command prints, line by line and cell by cell."""
        lines = self.output(*arguments, **environment).splitlines()
        return [[cell.strip() for cell in line.split("  ") if cell] for line in lines]

    def refusal(self, status: int, *arguments: str, **environment: str) -> str:
        """Return what a command says last on stderr that must fail with this status."""
        done = self.run(*arguments, **environment)
        assert (done.exit_code, done.stdout) == (status, ""), done.output
        *_, last = done.stderr.splitlines()
        return last

    def process(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command in a process of its own, without a terminal."""
        return subprocess.run(
            [*COMMAND, *arguments],
            env=ENVIRONMENT | self.environment | environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )
