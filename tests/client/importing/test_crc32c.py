"""Checksums of records (`runstream.importing.tensorboard.crc32c`), against TensorBoard's."""

from __future__ import annotations

import random

import pytest
from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c as reference

from runstream.importing.tensorboard.crc32c import masked_crc32c


@pytest.mark.parametrize("length", [0, 1, 8, 60, 255, 3_071, 3_072, 5_000, 100_000])
@pytest.mark.parametrize("count", [1, 11, 12, 40])
def test_checksums_are_those_of_tensorboard(count: int, length: int) -> None:
    different = [random.Random(i).randbytes(length) for i in range(2)]
    records = [different[i % 2] for i in range(count)]
    checksums = [reference(record).to_bytes(4, "little") for record in different]
    assert masked_crc32c(records) == b"".join(checksums[i % 2] for i in range(count))
