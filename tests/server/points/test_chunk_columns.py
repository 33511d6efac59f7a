"""Chunks of which only what is needed is decoded: the same numbers as in the whole columns."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from runstream_service.points.chunk_columns import ChunkIntegers, decode_partly
from runstream_service.points.codec import encode_chunks, split_columns
from runstream_service.points.columns import Columns, Integers, join, make_columns

LEAST, GREATEST = -(2**63), 2**63 - 1

STEPS = st.one_of(
    st.lists(st.sampled_from([LEAST, LEAST + 1, -1, 0, GREATEST]) | st.integers(-9, 9), min_size=1),
    st.builds(  # far apart, so that what is between the first and the last has 64 bits
        lambda count, stride: [LEAST + stride * i for i in range(count)],
        st.integers(2, 9),
        st.sampled_from([1, 7, 2**60, 2**60 + 1]),
    ),
)
COLUMNS = st.builds(
    lambda steps, start, stride, jitter: make_columns(
        sorted(steps),
        [start + stride * i + jitter * (i % 3) for i in range(len(steps))],
        [i / 7 for i in range(len(steps))],
    ),
    STEPS,
    st.integers(100, 200),
    st.integers(-5, 5),
    st.sampled_from([0, 0, 1]),
)


def is_equal(found: Columns, expected: Columns) -> bool:
    return all(np.array_equal(*pair) for pair in zip(found, expected, strict=True))


@given(st.lists(COLUMNS, min_size=1, max_size=4), st.data())
def test_what_is_taken_of_chunks_is_what_was_encoded(
    parts: list[Columns], data: st.DataObject
) -> None:
    chunks = [chunk for part in parts for chunk in encode_chunks(part)]
    summaries = np.concatenate([chunk.summary for chunk in chunks])
    columns = join(parts)
    found = decode_partly(summaries, [split_columns(chunk.data) for chunk in chunks])
    assert found.size == columns.size
    assert is_equal(found.take(np.arange(columns.size)), columns)
    index = st.integers(0, columns.size - 1)
    chosen = np.array(sorted(data.draw(st.sets(index, max_size=5))), np.int64)
    assert is_equal(found.take(chosen), columns.take(chosen))


@given(st.lists(STEPS.map(sorted), min_size=1, max_size=4), st.data())
def test_the_first_of_chunks_that_is_not_less_is_found(
    parts: list[list[int]], data: st.DataObject
) -> None:
    steps = sorted(step for part in parts for step in part)
    columns = make_columns(steps, [0] * len(steps), [0.0] * len(steps))
    borders = [0, *sorted(data.draw(st.sets(st.integers(0, len(steps)), max_size=3))), len(steps)]
    chunks = [
        chunk
        for first, end in itertools.pairwise(borders)
        if first < end
        for chunk in encode_chunks(columns.part(first, end))
    ]
    summaries = np.concatenate([chunk.summary for chunk in chunks])
    found = ChunkIntegers(summaries, "step", [split_columns(chunk.data).step for chunk in chunks])
    within = st.integers(steps[0], steps[-1]) | st.sampled_from(steps)
    wanted: Integers = np.array(data.draw(st.lists(within, max_size=5)), np.int64)
    wanted = wanted[wanted > steps[0]]
    assert np.array_equal(found.searchsorted(wanted), np.searchsorted(columns.step, wanted))
