"""Importing the server opens nothing; a store does."""

from __future__ import annotations

import subprocess
import sys

import pytest

from runstream_service.engine.statements import Statement
from runstream_service.engine.tables import Run

IMPORT_ALL = """
import gc, importlib, pkgutil

import peewee
import runstream_service

compiled = []
parse = peewee.Context.parse
peewee.Context.parse = lambda self, node: compiled.append(node) or parse(self, node)
names = [
    module.name
    for module in pkgutil.walk_packages(runstream_service.__path__, "runstream_service.")
    if ".migrations." not in module.name
]
for name in names:
    importlib.import_module(name)

from runstream_service.engine.statements import Statement
from runstream_service.engine.tables import TABLES

objects = gc.get_objects()
databases = [one for one in objects if isinstance(one, peewee.Database)]
databases += [table for table in TABLES if table._meta.database is not None]
statements = [one for one in objects if isinstance(one, Statement)]
assert len(names) > 100 and len(statements) > 100, (len(names), len(statements))
print(databases, compiled)
"""


def test_importing_every_module_makes_no_database_and_compiles_no_statement() -> None:
    command = [sys.executable, "-c", IMPORT_ALL]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "[] []\n"


def test_a_statement_without_a_store_says_that_none_is_open() -> None:
    with pytest.raises(RuntimeError, match="no store is open"):
        Statement(Run.select()).first()
