"""Records of an event file, in the frames of TFRecord, read as far as the file goes.

A frame is the length of the record (8 bytes), a checksum of the length, the record, and a checksum
of the record. A file may be growing: what is cut off at its end is read again later.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from runstream.importing.source import Note
from runstream.importing.tensorboard.crc32c import masked_crc32c

#: Bytes of a record at most; larger ones are passed over.
MAX_RECORD_BYTES = 256 * 1024 * 1024

_HEADER_BYTES = 12
_FOOTER_BYTES = 4
_BLOCK_BYTES = 1024 * 1024
_MAX_HEADERS = 10_000


class _Group:
    """Records of the same length, and the checksums that follow them."""

    def __init__(self) -> None:
        self.records: list[bytes] = []
        self.checksums: list[bytes] = []

    def is_intact(self) -> bool:
        return masked_crc32c(self.records) == b"".join(self.checksums)


class EventFile:
    """An event file, of which each read returns what was appended since the last one.

    Attributes:
        path: the file.
        position: where the next record begins, in bytes.
        is_damaged: whether the rest of the file cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.position = 0
        self.is_damaged = False
        self._inode = 0
        self._size = 0
        # Frames of records of the same length begin with the same 12 bytes.
        self._lengths: dict[bytes, int] = {}

    def has_more(self, status: os.stat_result) -> bool:
        """Return whether the file, of this status, may have records that were not read.

        One that is another than before, or is shorter than it was, is read from its start.
        """
        if self._inode not in (0, status.st_ino) or status.st_size < self.position:
            self.position, self.is_damaged = 0, False
        self._inode, self._size = status.st_ino, status.st_size
        return status.st_size > self.position and not self.is_damaged

    @property
    def is_cut_off(self) -> bool:
        """Whether the end of the file, when it was last read, was no whole record."""
        return self._size > self.position and not self.is_damaged

    def read_records(self, note: Note) -> Iterator[list[bytes]]:
        """Yield the records from `position` on, in lists of at most about a megabyte.

        A record whose checksum is wrong is noted and left out. If that of a length is wrong, it is
        unknown where the next record begins, and the file is read no further.
        """
        with self.path.open("rb") as file:
            file.seek(self.position)
            buffer = b""
            while block := file.read(max(_BLOCK_BYTES, self._missing_bytes(buffer))):
                buffer += block
                records, end = self._split(buffer, note)
                self.position += end
                buffer = buffer[end:]
                if records:
                    yield records
                if self.is_damaged:
                    return
                if self._missing_bytes(buffer) > MAX_RECORD_BYTES:
                    self.is_damaged = True
                    note(self._place(0), f"a record has more than {MAX_RECORD_BYTES:,} bytes")
                    return

    def _missing_bytes(self, buffer: bytes) -> int:
        """Return how many bytes of the first record are not in the buffer."""
        length = self._lengths.get(buffer[:_HEADER_BYTES])
        return 0 if length is None else length + _HEADER_BYTES + _FOOTER_BYTES - len(buffer)

    def _split(self, buffer: bytes, note: Note) -> tuple[list[bytes], int]:
        """Return the whole records of a buffer, and where the rest begins."""
        records: list[bytes] = []
        groups: dict[int, _Group] = defaultdict(_Group)
        lengths, size, start = self._lengths, len(buffer), 0
        while (body := start + _HEADER_BYTES) <= size:
            header = buffer[start:body]
            length = lengths.get(header)
            if length is None and (length := self._check_header(header)) is None:
                self.is_damaged = True
                note(self._place(start), "the checksum of a length is wrong: no more can be read")
                break
            foot = body + length
            end = foot + _FOOTER_BYTES
            if end > size:
                break
            record = buffer[body:foot]
            records.append(record)
            group = groups[length]
            group.records.append(record)
            group.checksums.append(buffer[foot:end])
            start = end
        if all(group.is_intact() for group in groups.values()):
            return records, start
        return self._leave_wrong_out(records, groups, note), start

    def _leave_wrong_out(
        self, records: list[bytes], groups: dict[int, _Group], note: Note
    ) -> list[bytes]:
        checksums = {length: iter(group.checksums) for length, group in groups.items()}
        right, start = [], 0
        for record in records:
            if masked_crc32c([record]) == next(checksums[len(record)]):
                right.append(record)
            else:
                note(self._place(start), "the checksum of a record is wrong")
            start += _HEADER_BYTES + len(record) + _FOOTER_BYTES
        return right

    def _check_header(self, header: bytes) -> int | None:
        length, checksum = int.from_bytes(header[:8], "little"), header[8:]
        if masked_crc32c([header[:8]]) != checksum:
            return None
        if len(self._lengths) >= _MAX_HEADERS:
            self._lengths.clear()
        self._lengths[header] = length
        return length

    def _place(self, start: int) -> str:
        return f"{self.path}, byte {self.position + start}"
