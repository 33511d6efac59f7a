"""What tests of the spool read from its files."""

from __future__ import annotations

from pathlib import Path

from runstream.spool.log_files import START, Place
from runstream.spool.log_reader import Damage, LogReader


def read_log(
    folder: Path, place: Place = START, may_grow: bool = False
) -> tuple[list[bytes], list[Damage]]:
    """Return the payloads of a log from a place on, and what of it is damaged."""
    damages: list[Damage] = []
    reader = LogReader(folder, place, damages.append)
    payloads = []
    while (frame := reader.next(may_grow)) is not None:
        payloads.append(frame.payload)
    reader.close()
    return payloads, damages
