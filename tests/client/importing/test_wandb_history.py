"""The history of runs of W&B that were rewound, or whose records have older forms."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from runstream.importing.source import PointColumns
from runstream.importing.wandb.messages import message_class
from runstream.importing.wandb.offline_source import OfflineSource


def item(key: str, value: Any, is_nested: bool = True) -> bytes:
    names = {"nested_key": [key]} if is_nested else {"key": key}
    content: bytes = message_class("Item")(
        **names, value_json=json.dumps(value)
    ).SerializeToString()
    return content


def write(folder: Path, records: Sequence[Any]) -> None:
    """Write a log whose records are smaller than a block together."""
    content = b":W&B\xe1\xbe\x00"
    for record in records:
        data = record.SerializeToString()
        checksum = zlib.crc32(data, zlib.crc32(b"\x01"))
        content += struct.pack("<IHB", checksum, len(data), 1) + data
    folder.mkdir(parents=True)
    (folder / "run-a.wandb").write_bytes(content)


def start(seconds: int) -> Any:
    record = message_class("Record")()
    record.run.run_id = "a"
    record.run.start_time.seconds = seconds
    return record


def row(step: int, *items: bytes) -> Any:
    record = message_class("Record")()
    record.history.step.num = step
    record.history.item.extend([*items, item("_timestamp", 100 + step)])
    return record


def read(folder: Path) -> tuple[dict[str, list[tuple[int, float]]], list[str]]:
    told: list[str] = []

    def note(what: str, why: str) -> None:
        told.append(f"{what}: {why}")

    source = OfflineSource(folder)
    (experiment,) = source.read_experiments(note)
    (run_id,) = source.find_run_ids(experiment, note)
    run = source.read_run(run_id, note)
    points: dict[str, list[tuple[int, float]]] = {}
    for part in source.read_points(run, note):
        assert isinstance(part, PointColumns)
        for key, step, value in zip(part.key, part.step, part.value, strict=True):
            points.setdefault(part.keys[key], []).append((step, value))
    with source.open_artifacts(run_id, ""):
        pass
    return points, told


def test_what_was_rewound_is_left_out(tmp_path: Path) -> None:
    write(
        tmp_path / "offline-run-1-a",
        [start(1), *(row(step, item("loss", step)) for step in range(6))],
    )
    again = start(2)
    again.run.branch_point.run = "a"
    again.run.branch_point.value = 2
    again.run.branch_point.metric = "_step"
    write(tmp_path / "offline-run-2-a", [again, row(3, item("loss", 30))])
    points, told = read(tmp_path)
    assert points == {"loss": [(0, 0), (1, 1), (2, 2), (3, 30)]}
    assert told == []


def test_items_of_older_versions_are_read(tmp_path: Path) -> None:
    nested = {"deep": {"value": 2}, "text": "NaN"}
    items = [item("loss", 1, is_nested=False), item("outer", nested, is_nested=False)]
    write(tmp_path / "run-1-a", [start(1), row(4, *items, item("flag", True))])
    points, told = read(tmp_path)
    assert points["loss"] == [(4, 1)]
    assert points["outer.deep.value"] == [(4, 2)]
    assert points["flag"] == [(4, 1)]
    ((step, value),) = points["outer.text"]
    assert step == 4
    assert value != value  # NaN
    assert told == []
