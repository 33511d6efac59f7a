"""Copies of databases, and what of them is compared."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from runstream.errors import FailedPrecondition
from runstream_service.care import copy as copying
from runstream_service.care.table_copy import Totals, copied_tables
from runstream_service.care.upgrade import open_upgraded
from runstream_service.engine.engine import CannotOpenError
from runstream_service.engine.sqlite import SqliteEngine
from runstream_service.engine.store import open_engine
from support.server_process import ENVIRONMENT

TOKEN = "rst_" + "x" * 43


class KilledError(BaseException):
    pass


def run_copy(source: str, target: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "runstream", "db", "copy", source, target]
    return subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, timeout=120)


def copy(source: str, target: str) -> str:
    """Copy in this process; return the name of the target."""
    copy_in_process(source, target)
    return target


def copy_in_process(source: str, target: str) -> copying.Copied:
    old, new = (
        SqliteEngine(Path(url), {}, read_only=True) if url.startswith("/") else open_engine(url)
        for url in (source, target)
    )
    return copying.copy_database(old, new, print)


def totals(url: str) -> dict[str, Totals]:
    """Return what tells whether two databases are equal."""
    engine = open_engine(f"sqlite:///{url}" if url.startswith("/") else url)
    try:
        with engine.read_transaction():
            return {table.name: table.totals(engine, print) for table in copied_tables()}
    finally:
        engine.close_all()


def served_error(url: str) -> str:
    """Return why a database cannot be served."""
    with pytest.raises(CannotOpenError) as found:
        open_upgraded(open_engine(url))
    return str(found.value)


def refusal(source: str, target: str) -> str:
    """Return why a copy is refused."""
    with pytest.raises((FailedPrecondition, CannotOpenError)) as found:
        copy(source, target)
    return str(found.value)
