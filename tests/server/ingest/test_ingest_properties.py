"""Rows M4 and M5 for any points, in any batches, in any order, with anything sent again."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runstream_service.engine.batch import Batch
from support.api import Api, Point, make_batch
from support.points import check_points
from support.server_process import ServerProcess

# Few keys, steps and times, so that points meet; any value.
POINTS = st.tuples(
    st.sampled_from(["a", "b", "c"]),
    st.sampled_from([-(2**63), -1, 0, 1, 2, 2**63 - 1]),
    st.integers(0, 3),
    st.sampled_from([0.0, 0.5, -0.5, math.nan, math.inf, -math.inf]) | st.floats(),
)
BATCHES = st.lists(st.lists(POINTS, max_size=12), max_size=8)


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, new_url: Callable[[], str | None]
) -> Iterator[ServerProcess]:
    server = ServerProcess(tmp_path_factory.mktemp("properties") / "runs.db", url=new_url())
    yield server
    server.stop()


@settings(max_examples=80)
@given(batches=BATCHES, resent=st.lists(st.integers(0, 7), max_size=6))
def test_any_points_are_stored_once_and_summarised_right(
    server: ServerProcess,
    connect: Callable[[str], Api],
    batches: list[list[Point]],
    resent: list[int],
) -> None:
    """M4, M5."""
    api = connect(server.address)
    run_id = api.create_run()
    sent = batches + [batches[i] for i in resent if i < len(batches)]
    answers = api.log_batches(make_batch(run_id, points) for points in sent)
    assert not any(answer.HasField("error") for answer in answers)

    check_points(server, api, run_id, [point for points in batches for point in points])


@given(st.lists(POINTS, max_size=60))
def test_the_series_of_a_batch_hold_its_points_in_order(points: list[Point]) -> None:
    request = make_batch("run", points)
    table = request.metrics
    decoded = Batch(
        "run",
        table.keys,
        table.counts,
        np.array(table.step[:], np.int64),
        np.array(table.timestamp[:], np.int64),
        np.array(table.value[:], np.float64),
    )
    decoded.check()
    series = {
        key: list(zip(*(column.tolist() for column in columns), strict=True))
        for key, *columns in decoded.points_by_metric()
    }
    assert repr(series) == repr(
        {
            key: [point[1:] for point in points if point[0] == key]
            for key in dict.fromkeys(point[0] for point in points)
        }
    )
