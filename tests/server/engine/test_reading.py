"""One read of the database: its time limit, and what stops it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from peewee import SQL

from runstream.errors import DeadlineExceeded, Unavailable
from runstream_service.engine.readers import COMPUTATIONS, Readers
from runstream_service.engine.reading import check
from runstream_service.engine.served_files import ServedFiles
from runstream_service.engine.statements import execute
from runstream_service.engine.store import Store, open_engine

COUNT = """
    WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {})
    SELECT count(*) FROM numbers
"""


@pytest.fixture
def store(tmp_path: Path, new_url: Callable[[], str | None]) -> Iterator[Store]:
    store = Store.open(open_engine(new_url() or f"sqlite:///{tmp_path}/runs.db"))
    yield store
    store.close()


def make_readers(store: Store) -> Readers:
    return Readers(store.engine, ServedFiles(store.engine.files()))


def count(most: int) -> int:
    return int(execute(SQL(COUNT.format(most))).fetchone()[0])


def work_in_python() -> None:
    while True:
        check()
        time.sleep(0.001)


@pytest.mark.parametrize("query", [lambda: count(10**11), work_in_python])
def test_a_read_that_takes_too_long_ends_and_says_so(store: Store, query: object) -> None:
    async def read() -> None:
        readers = make_readers(store)
        with pytest.raises(DeadlineExceeded, match=r"longer than 0\.2 seconds") as raised:
            await readers.long(query, seconds=0.2)  # type: ignore[arg-type]
        assert raised.value.reason == "READ_TOO_LONG"
        assert await readers.long(count, 1000) == 1000
        await readers.close()

    asyncio.run(read())


def test_reads_whose_callers_have_gone_leave_their_threads(store: Store) -> None:
    async def read() -> None:
        readers = make_readers(store)
        gone = [asyncio.ensure_future(readers.long(count, 10**11)) for _ in range(50)]
        await asyncio.sleep(0.2)
        assert await readers.quick(count, 1000) == 1000
        for one in gone:
            one.cancel()
        assert await asyncio.wait_for(readers.long(count, 1000), 20) == 1000
        await readers.close()

    asyncio.run(read())


def test_reads_under_way_are_stopped_when_the_server_stops(store: Store) -> None:
    async def read() -> None:
        readers = make_readers(store)
        reading = [asyncio.ensure_future(readers.long(count, 10**11)) for _ in range(50)]
        await asyncio.sleep(0.2)
        await asyncio.wait_for(readers.close(), 20)
        for one in reading:
            with pytest.raises(Unavailable, match="the server is stopping"):
                await one

    asyncio.run(read())


def test_few_computations_are_under_way_and_others_wait_for_as_long_as_a_read_may(
    store: Store,
) -> None:
    async def read() -> None:
        readers = Readers(store.engine, ServedFiles(store.engine.files()), seconds=0.5)

        async def begin(kind: str = "grouping") -> AsyncExitStack:
            stack = AsyncExitStack()
            await stack.enter_async_context(readers.computation(kind))
            return stack

        under_way = [await begin() for _ in range(COMPUTATIONS)]
        await (await begin("importance")).aclose()  # which has places of its own
        with pytest.raises(DeadlineExceeded, match=r"longer than 0\.5 seconds"):
            await asyncio.wait_for(begin(), 20)
        gone, waiting = (asyncio.ensure_future(begin()) for _ in range(2))
        await asyncio.sleep(0)
        gone.cancel()
        await under_way.pop().aclose()
        under_way.append(await asyncio.wait_for(waiting, 20))
        last = asyncio.ensure_future(begin())
        await asyncio.sleep(0)
        await readers.close()
        with pytest.raises(Unavailable, match="the server is stopping"):
            await asyncio.wait_for(last, 20)
        for one in under_way:
            await one.aclose()

    asyncio.run(read())


def test_no_more_reads_wait_than_may(store: Store) -> None:
    async def read() -> None:
        readers = make_readers(store)
        reading = [asyncio.ensure_future(readers.long(count, 10**11)) for _ in range(2_002)]
        await asyncio.sleep(0)
        with pytest.raises(Unavailable, match="2000 reads are waiting already"):
            await readers.long(count, 1)
        for one in reading:
            one.cancel()
        await asyncio.wait(reading)
        await readers.close()

    asyncio.run(read())
