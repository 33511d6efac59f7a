"""Checksums of records: masked CRC-32C of many records at once, in plain Python.

A loop over the bytes of each record would take longer than all the rest of an import. Here the
bytes at one place of many records of the same length go through the table together:
`bytes.translate` looks up a byte of all of them, and an integer of any length combines them. The
registers of 32 bits are held as four integers, one for each of their bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import cache

_POLYNOMIAL = 0x82F63B78
_ALL_ONES = b"\xff" * 4
_MASK_DELTA = 0xA282EAD8

# With fewer records than this together, a loop over the bytes is faster.
_MIN_TOGETHER = 12

# A long record is cut into parts of so many bytes, which go through the table together.
_PART_BYTES = 256


def masked_crc32c(records: Sequence[bytes]) -> bytes:
    """Return the masked checksums of records of the same length, 4 bytes each, little-endian."""
    length = len(records[0]) if records else 0
    if len(records) >= _MIN_TOGETHER:
        registers = _advance(_ALL_ONES * len(records), b"".join(records), length)
    elif length >= _MIN_TOGETHER * _PART_BYTES:
        registers = b"".join(map(_pass_parts, records))
    else:
        registers = b"".join(_pass_bytes(_ALL_ONES, record) for record in records)
    return _mask(registers)


def _mask(registers: bytes) -> bytes:
    """Return the masked checksums of registers: inverted, rotated by 15 bits, and added to."""
    count = len(registers) // 4

    def lanes(number: int) -> int:
        return int.from_bytes(number.to_bytes(4, "little") * count, "little")

    crc = int.from_bytes(registers, "little") ^ lanes(0xFFFFFFFF)
    rotated = crc >> 15 & lanes(0x0001FFFF) | crc << 17 & lanes(0xFFFE0000)
    # The highest bit is added apart, so that no carry goes over into the next checksum.
    sums = (rotated & lanes(0x7FFFFFFF)) + lanes(_MASK_DELTA & 0x7FFFFFFF)
    masked = sums ^ (rotated ^ lanes(_MASK_DELTA)) & lanes(0x80000000)
    return masked.to_bytes(4 * count, "little")


@cache
def _table() -> list[int]:
    table = []
    for byte in range(256):
        entry = byte
        for _ in range(8):
            entry = entry >> 1 ^ (_POLYNOMIAL if entry & 1 else 0)
        table.append(entry)
    return table


@cache
def _byte_tables() -> list[bytes]:
    """Return the table as four tables of bytes, the lowest byte first."""
    return [bytes(entry >> shift & 0xFF for entry in _table()) for shift in (0, 8, 16, 24)]


@cache
def _part_tables() -> list[tuple[int, ...]]:
    """Return what a part of zeros makes of each value of each byte of a register."""
    zeros = bytes(256 * _PART_BYTES)
    registers = (_pack([byte << shift for byte in range(256)]) for shift in (0, 8, 16, 24))
    return [_unpack(_advance(packed, zeros, _PART_BYTES)) for packed in registers]


def _pass_bytes(register: bytes, data: bytes) -> bytes:
    table = _table()
    number = int.from_bytes(register, "little")
    for byte in data:
        number = table[(number ^ byte) & 0xFF] ^ number >> 8
    return number.to_bytes(4, "little")


def _pass_parts(data: bytes) -> bytes:
    """Return the register after a long record: of its parts each by itself, put together."""
    first = len(data) % _PART_BYTES
    (register,) = _unpack(_pass_bytes(_ALL_ONES, data[:first]))
    parts = _advance(bytes(4 * (len(data) // _PART_BYTES)), data[first:], _PART_BYTES)
    low, lower, higher, high = _part_tables()
    for part in _unpack(parts):
        register = (
            part
            ^ low[register & 0xFF]
            ^ lower[register >> 8 & 0xFF]
            ^ higher[register >> 16 & 0xFF]
            ^ high[register >> 24]
        )
    return _pack([register])


def _advance(registers: bytes, data: bytes, length: int) -> bytes:
    """Return registers after `length` bytes each, which lie one after the other in `data`."""
    count = len(registers) // 4
    number = int.from_bytes
    first, second, third, fourth = (number(registers[i::4], "little") for i in range(4))
    low, lower, higher, high = _byte_tables()
    for place in range(length):
        index = first ^ number(data[place::length], "little")
        found = index.to_bytes(count, "little")
        first = second ^ number(found.translate(low), "little")
        second = third ^ number(found.translate(lower), "little")
        third = fourth ^ number(found.translate(higher), "little")
        fourth = number(found.translate(high), "little")
    advanced = bytearray(len(registers))
    for i, plane in enumerate((first, second, third, fourth)):
        advanced[i::4] = plane.to_bytes(count, "little")
    return bytes(advanced)


def _pack(registers: Sequence[int]) -> bytes:
    return struct.pack(f"<{len(registers)}I", *registers)


def _unpack(registers: bytes) -> tuple[int, ...]:
    return struct.unpack(f"<{len(registers) // 4}I", registers)
