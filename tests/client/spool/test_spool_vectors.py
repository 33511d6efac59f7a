"""The files of a spool as docs/spool.md has them, which the clients of all languages read."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format, symbol_database

from runstream.spool.cursor import read_cursor
from runstream.spool.folder import SpoolFolder
from runstream.spool.log_reader import FrameFile
from runstream.v1 import spool_pb2  # noqa: F401 # registers the messages
from support.spool_vectors import VECTORS, batches
from support.spools import read_log

INDEX: list[dict[str, Any]] = json.loads((VECTORS / "index.json").read_text(encoding="utf-8"))


def read_all(log: Path, start: tuple[int, int]) -> tuple[list[bytes], list[dict[str, Any]]]:
    """Return the payloads of a log or a file, and what of it is damaged."""
    if log.is_file():
        file, payloads = FrameFile(log), []
        while isinstance(payload := file.next(), bytes):
            payloads.append(payload)
        return payloads, []
    assert read_cursor(log) == start
    payloads, damages = read_log(log, read_cursor(log))
    return payloads, [
        {"file": d.start.file, "offset": d.start.offset, "size": d.size, "cut": d.is_cut}
        for d in damages
    ]


@pytest.mark.parametrize("vector", INDEX, ids=lambda vector: vector["name"])
def test_a_vector_is_read_as_its_entry_says(vector: dict[str, Any]) -> None:
    start = vector["start"]["file"], vector["start"]["offset"]
    payloads, damaged = read_all(VECTORS / vector["log"], start)
    assert [payload.hex() for payload in payloads] == [f["payload"] for f in vector["frames"]]
    assert damaged == vector["damaged"]
    message_class = symbol_database.Default().GetSymbol(vector["type"])
    for payload, frame in zip(payloads, vector["frames"], strict=True):
        assert json_format.MessageToDict(message_class.FromString(payload)) == frame["json"]


def test_the_folder_says_for_which_server_and_of_which_process_it_is() -> None:
    info = SpoolFolder(VECTORS / "whole").read_info()
    assert (info.tracking_uri, info.host, info.process_id) == ("grpc://server:50051", "node1", 4711)


def test_the_vectors_are_those_of_the_program_that_writes_them() -> None:
    whole = next(vector for vector in INDEX if vector["name"] == "whole")
    assert [bytes.fromhex(frame["payload"]) for frame in whole["frames"]] == [
        batch.SerializeToString(deterministic=True) for batch in batches()
    ]
    assert math.isnan(batches()[1].metrics.value[1])  # type: ignore[attr-defined]
