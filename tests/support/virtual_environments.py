"""Fresh virtual environments with chosen versions of what the package requires."""

from __future__ import annotations

import importlib.metadata
import os
import re
import subprocess
import sys
import venv
from pathlib import Path

from support.server_process import ENVIRONMENT

_REQUIRED = importlib.metadata.requires("runstream") or []


def _of_extra(extra: str) -> list[str]:
    """Return what an extra requires."""
    return [
        text.split(";")[0].strip() for text in _REQUIRED if re.search(rf"extra == .{extra}\b", text)
    ]


#: What the client requires, and what the server does beside it: `name>=lowest`, and more.
CLIENT = [text for text in _REQUIRED if "extra ==" not in text]
SERVER = _of_extra("server")

#: What verifies tokens of an OpenID provider.
OIDC = _of_extra("oidc")

#: What sends traces and metrics.
OPENTELEMETRY = _of_extra("opentelemetry")


def lowest(requirements: list[str]) -> dict[str, str]:
    """Return the lowest version of each requirement by its name."""
    return {re.split(r"[<>=]", text)[0]: re.split(r">=([\w.]+)", text)[1] for text in requirements}


def pins(requirements: list[str]) -> list[str]:
    """Return requirements that only their lowest versions meet."""
    return [f"{name}=={version}" for name, version in lowest(requirements).items()]


class Environment:
    """A virtual environment in a folder."""

    def __init__(self, folder: Path) -> None:
        self.python = folder / "bin" / "python"

    def install(self, *arguments: str) -> None:
        """Install more packages."""
        pip("--python", str(self.python), "install", "--only-binary", ":all:", *arguments)

    def run(self, *arguments: str) -> str:
        """Run this Python with every warning an error, and return what it prints."""
        done = subprocess.run(
            [self.python, "-W", "error", *arguments],
            env=ENVIRONMENT,
            cwd="/",
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        return done.stdout


def create_environment(folder: Path, *packages: str) -> Environment:
    """Make a fresh virtual environment with the given packages."""
    venv.create(folder, symlinks=True)
    environment = Environment(folder)
    environment.install(*packages)
    return environment


def pip(*arguments: str, **environment: str) -> None:
    """Run pip of the tests' own environment."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    done = subprocess.run(
        [*command, *arguments], env=os.environ | environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
