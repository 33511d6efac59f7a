"""The program of a server whose sealer stands still while there is a file `hold` beside it."""

from __future__ import annotations


def held_sealer(settings: str) -> str:
    """Return the program.

    Args:
        settings: a line that sets numbers of the modules `backlog` and `sealing`.
    """
    return f"""
import os, time
from runstream_service.points import backlog, sealing
{settings}
plan = sealing.plan
def held_plan(*arguments):
    while os.path.exists("hold"):
        time.sleep(0.01)
    return plan(*arguments)
sealing.plan = held_plan
from runstream.cli import main
main()
"""
