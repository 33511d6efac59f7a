"""The frames of `.wandb` files: whatever is damaged, what is whole is read."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

import pytest

from runstream.errors import InvalidArgument
from runstream.importing.wandb.log_frames import read_records
from runstream.importing.wandb.messages import (
    message_class,
    read_message,
    read_path,
    record_kind,
    split_item,
)

BLOCK = 32 * 1024


def to_log(records: Sequence[bytes]) -> bytes:
    """Return a file with records, as LevelDB describes it, behind W&B's header."""
    log = bytearray(b":W&B\xe1\xbe\x00")
    for record in records:
        rest, is_first = record, True
        while is_first or rest:
            room = BLOCK - len(log) % BLOCK
            if room < 7:
                log += bytes(room)
                room = BLOCK
            part, rest = rest[: room - 7], rest[room - 7 :]
            kind = (1 if not rest else 2) if is_first else (4 if not rest else 3)
            checksum = zlib.crc32(part, zlib.crc32(bytes([kind])))
            log += struct.pack("<IHB", checksum, len(part), kind) + part
            is_first = False
    return bytes(log)


def read(file: Path) -> tuple[list[bytes], list[str]]:
    told: list[str] = []
    records = list(read_records(file, lambda position, why: told.append(f"{position}: {why}")))
    return records, told


@pytest.fixture
def records() -> list[bytes]:
    sizes = [0, 1, 7, 100, BLOCK - 14, BLOCK, 3 * BLOCK + 5, 32_754, 20, 0, 70_000, 5]
    numbers = random.Random(7)
    return [numbers.randbytes(size) for size in sizes]


def test_records_of_any_size_are_read(tmp_path: Path, records: list[bytes]) -> None:
    file = tmp_path / "run-a.wandb"
    file.write_bytes(to_log(records))
    assert read(file) == (records, [])


def test_of_a_file_that_ends_anywhere_all_whole_records_are_read(
    tmp_path: Path, records: list[bytes]
) -> None:
    file = tmp_path / "run-a.wandb"
    log = to_log(records)
    ends = {len(to_log(records[:count])): count for count in range(len(records) + 1)}
    for size in sorted({*range(7, len(log), 997), *ends, *(end - 1 for end in ends if end > 7)}):
        file.write_bytes(log[:size])
        found, told = read(file)
        whole = max(count for end, count in ends.items() if end <= size)
        assert found[:whole] == records[:whole]
        assert len(found) == whole
        if size not in ends and any(log[max(end for end in ends if end <= size) : size]):
            assert told, size


def test_behind_a_damaged_block_reading_goes_on(tmp_path: Path, records: list[bytes]) -> None:
    file = tmp_path / "run-a.wandb"
    log = bytearray(to_log(records))
    log[BLOCK + 500] ^= 1
    file.write_bytes(log)
    found, told = read(file)
    assert told
    assert found == [record for record in records if record in found]
    assert found[0:4] == records[0:4]
    assert found[-2:] == records[-2:]


@pytest.mark.parametrize("content", [b"", b":W&B", b"SQLite format 3\0", b":W&B\xe1\xbe\x01"])
def test_a_file_of_another_kind_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "run-a.wandb"
    file.write_bytes(content)
    with pytest.raises(InvalidArgument, match="W&B"):
        read(file)


@pytest.mark.parametrize("size", [0, 1, 127, 128, 130, 16_385, 33_025])
@pytest.mark.parametrize("key", [["a"], ["a", "b"], ["k" * 130], ["\u0082\u0001"]])
def test_an_item_is_divided_whatever_its_lengths(key: list[str], size: int) -> None:
    item = message_class("Item")(nested_key=key, value_json="7" * size).SerializeToString()
    found, value = split_item(item)
    assert (read_path(found), value) == (key, b"7" * size)
    assert (
        found
        == split_item(message_class("Item")(nested_key=key, value_json="1").SerializeToString())[0]
    )


def test_the_kind_of_a_record_is_known_whatever_is_before_it() -> None:
    record = message_class("Record")()
    record.output_raw.line = "text"
    content = record.SerializeToString()
    before = b"\x08\x96\x01" + b"\x82\x01\x02ab" + b"\xc2\x0c\x01x"  # num, control, _info
    assert record_kind(before + content) == record_kind(content) == 13
    assert record_kind(before) == record_kind(b"") == 0


@pytest.mark.parametrize("name", ["Record", "Item"])
def test_what_is_no_message_is_told(name: str) -> None:
    with pytest.raises(ValueError, match=f"no message {name}"):
        read_message(name, b"\x0a\xff")
