"""One of several server processes; `runstream_service.workers` starts it."""

from __future__ import annotations

import json
import sys

import click

from runstream_service.cli.database import server_packages
from runstream_service.config import config_of_worker


@click.command()
@click.argument("number", type=int)
def worker(number: int) -> None:
    """Serve with the settings that are the first line of standard input."""
    settings = sys.stdin.readline()
    if settings:  # else the process that started this one has ended
        with server_packages():
            from runstream_service.server import run
        run(config_of_worker(json.loads(settings), number))
