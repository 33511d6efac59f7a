"""Fixtures: the R client as a package, installed, and programs of R that use it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from support.server_process import ENVIRONMENT, ServerProcess

ROOT = Path(__file__).parents[2]
PROGRAMS = Path(__file__).with_name("programs")


@pytest.fixture
def server(start_server: Callable[..., ServerProcess]) -> ServerProcess:
    return start_server(RUNSTREAM_HTTP_PORT="0")


@pytest.fixture(scope="session")
def package() -> Path:
    """The package as it is given to others."""
    if shutil.which("Rscript") is None:
        pytest.skip("R is not here")
    name = "clients/r/build/runstream_0.1.0.tar.gz"
    subprocess.run(["make", "--silent", name], cwd=ROOT, check=True, timeout=120)
    return ROOT / name


@pytest.fixture(scope="session")
def library(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library of R that has the package."""
    folder = tmp_path_factory.mktemp("library")
    subprocess.run(
        ["R", "CMD", "INSTALL", "--no-docs", f"--library={folder}", package],
        check=True,
        capture_output=True,
        timeout=120,
    )
    return folder


@pytest.fixture
def start_r(library: Path) -> Callable[..., subprocess.Popen[str]]:
    """Start a program of `programs`, or one that is given as a text."""

    def start(program: str, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        named = PROGRAMS / program
        what = [str(named)] if program.endswith(".R") else ["-e", f"library(runstream); {program}"]
        return subprocess.Popen(
            ["Rscript", "--no-init-file", *what, *arguments],
            env=ENVIRONMENT | {"R_LIBS": str(library), "LC_ALL": "C.UTF-8"} | variables,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


@pytest.fixture
def run_r(start_r: Callable[..., subprocess.Popen[str]]) -> Callable[..., str]:
    """Run such a program to its end; return what it prints."""

    def run(program: str, *arguments: str, status: int = 0, **variables: str) -> str:
        process = start_r(program, *arguments, **variables)
        out, error = process.communicate(timeout=120)
        assert process.returncode == status, error
        return out

    return run
