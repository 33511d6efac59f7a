"""The console of a run: row C1 and C2 of docs/behaviour.md."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import pytest
from grpc import StatusCode

from runstream.v1.console_pb2 import CONSOLE_STREAM_STDERR, CONSOLE_STREAM_STDOUT, ConsoleLine
from runstream.v1.logging_service_pb2 import LogBatchRequest, LogRequest
from runstream.v1.run_service_pb2 import DeleteRunRequest, ListConsoleRequest
from runstream.v1.watch_service_pb2 import GetPositionRequest, WatchRequest
from runstream_service.catalog.console import HEAD_BYTES, LINE_BYTES, TAIL_BYTES
from support.api import Api, expect_refusal
from support.server_process import ServerProcess
from support.shell import Shell

WRITER = 7


@pytest.fixture
def api(shared: Api) -> Api:
    return shared


def line(text: str, sequence: int, writer: int = WRITER, timestamp: int = 5) -> ConsoleLine:
    stream = CONSOLE_STREAM_STDERR if writer == WRITER else CONSOLE_STREAM_STDOUT
    return ConsoleLine(
        stream=stream, timestamp=timestamp, text=text, writer=writer, sequence=sequence
    )


def log(api: Api, run_id: str, *lines: ConsoleLine) -> None:
    (answer,) = api.log_batches([LogBatchRequest(run_id=run_id, console=lines)])
    assert not answer.HasField("error")


def read(api: Api, run_id: str, **options: int) -> list[ConsoleLine]:
    request = ListConsoleRequest(run_id=run_id, **options)  # type: ignore[arg-type]
    return list(api.runs.ListConsole(request).lines)


def read_all(api: Api, run_id: str) -> Iterator[ConsoleLine]:
    after = 0
    while page := read(api, run_id, after=after, max_results=10_000):
        yield from page
        after = page[-1].number


def test_lines_come_back_as_they_were_written_and_a_repetition_changes_nothing(api: Api) -> None:
    run_id = api.create_run()
    lines = [line("\x1b[31mred \x00 é\u2028", 0), line("", 1), line("", 1, writer=2**63 - 1)]
    for _ in range(2):
        log(api, run_id, *lines)
    found = read(api, run_id)
    assert [each.number for each in found] == [1, 2, 3]
    for each in found:
        each.number = 0
    assert found == lines


def test_a_line_is_replaced_by_what_its_writer_says_later(api: Api) -> None:
    run_id = api.create_run()
    log(api, run_id, line("10 %", 0, timestamp=10), line("other", 0, writer=8))
    log(api, run_id, line("20 %", 0, timestamp=20))
    log(api, run_id, line("15 %", 0, timestamp=15))  # a batch that comes late
    assert [(each.text, each.timestamp) for each in read(api, run_id)] == [
        ("20 %", 20),
        ("other", 5),
    ]


@pytest.mark.parametrize(
    "bad",
    [
        {"stream": 0},
        {"stream": 3},
        {"timestamp": -1},
        {"writer": 0},
        {"writer": -1},
        {"sequence": -1},
        {"text": "x" * 16_385},
        {"text": "é" * 8_193},
    ],
)
def test_a_line_that_breaks_a_rule_refuses_its_batch(api: Api, bad: dict[str, object]) -> None:
    run_id = api.create_run()
    wrong = line("wrong", 1)
    wrong.MergeFrom(ConsoleLine(**bad))  # type: ignore[arg-type]
    for field, value in bad.items():
        setattr(wrong, field, value)
    request = LogRequest(run_id=run_id, console=[line("right", 0), wrong])
    with expect_refusal(StatusCode.INVALID_ARGUMENT, "CONSOLE_LINE_MALFORMED") as refusal:
        api.logging.Log(request)
    assert refusal.metadata["field"] == f"console.{next(iter(bad))}"
    assert read(api, run_id) == []


def test_pages_go_by_number_from_both_ends(api: Api) -> None:
    run_id = api.create_run()
    log(api, run_id, *(line(str(i), i) for i in range(1, 51)))

    def numbers(**options: int) -> list[int]:
        return [each.number for each in read(api, run_id, **options)]

    assert numbers(max_results=3) == [1, 2, 3]
    assert numbers(max_results=3, after=10) == [11, 12, 13]
    assert numbers(max_results=3, from_end=True) == [48, 49, 50]
    assert numbers(max_results=3, from_end=True, before=10) == [7, 8, 9]
    assert numbers(after=3, before=6) == [4, 5]
    assert numbers(after=50) == []
    for options, reason in (
        ({"after": -1}, "NUMBER_OUT_OF_RANGE"),
        ({"before": -1}, "NUMBER_OUT_OF_RANGE"),
        ({"max_results": 10_001}, "PAGE_SIZE_OUT_OF_RANGE"),
    ):
        with expect_refusal(StatusCode.INVALID_ARGUMENT, reason):
            read(api, run_id, **options)
    with expect_refusal(StatusCode.NOT_FOUND, "RUN_NOT_FOUND"):
        read(api, "0" * 32)


def test_the_first_and_the_last_lines_of_a_long_console_are_kept(
    start_server: Callable[..., ServerProcess], connect: Callable[..., Api]
) -> None:
    server = start_server("console.db")
    api = connect(server.address)
    run_id = api.create_run()
    size = 10_000
    count = 2_000
    texts = [f"{i} ".ljust(size - LINE_BYTES, chr(97 + i % 26)) for i in range(count)]
    for first in range(0, count, 100):
        log(api, run_id, *(line(texts[i], i) for i in range(first, first + 100)))
    found = list(read_all(api, run_id))
    assert [each.text for each in found] == [texts[each.number - 1] for each in found]
    numbers = [each.number for each in found]
    head = HEAD_BYTES // size
    assert numbers[:head] == [*range(1, head + 1)]
    tail = numbers[head:]
    assert tail == [*range(count + 1 - len(tail), count + 1)]
    assert TAIL_BYTES * 0.8 < len(tail) * size <= TAIL_BYTES
    log(api, run_id, line("new", 0, timestamp=6), line("new", count - 1, timestamp=6))
    assert [each.text for each in read(api, run_id, max_results=1)] == ["new"]
    assert [each.text for each in read(api, run_id, from_end=True, max_results=1)] == ["new"]
    assert "consoles: ok" in Shell(server.uri).output("db", "check", server.url)


def test_whatever_is_written_the_sizes_are_those_of_the_lines_and_in_their_limits(
    start_server: Callable[..., ServerProcess], connect: Callable[..., Api]
) -> None:
    server = start_server("console.db")
    api = connect(server.address)
    run_id = api.create_run()
    log(api, run_id, *(line("", i) for i in range(6_000)))
    chance = random.Random(7)
    for time in range(10, 50):
        texts = ["x" * chance.randrange(16_000) for _ in range(80)]
        log(api, run_id, *(line(each, chance.randrange(9_000), timestamp=time) for each in texts))
    size = sum(len(each.text) + LINE_BYTES for each in read_all(api, run_id))
    assert HEAD_BYTES < size <= HEAD_BYTES + TAIL_BYTES + 16_384
    assert "consoles: ok" in Shell(server.uri).output("db", "check", server.url)


def test_a_watch_tells_from_which_line_to_read(api: Api) -> None:
    run_id = api.create_run()
    position = api.watches.GetPosition(GetPositionRequest()).position
    watch = api.watches.Watch(WatchRequest(run_ids=[run_id], position=position), timeout=60)
    next(watch)
    log(api, run_id, line("a", 0), line("b", 1))
    log(api, run_id, line("b", 1, timestamp=9), line("B", 1, timestamp=9))
    changes = list(next(watch).changes)
    while len(changes) < 2:  # an answer may tell of several commits
        changes += next(watch).changes
    assert [change.console_line for change in changes] == [1, 2]
    watch.cancel()


def test_the_console_of_a_deleted_run_is_read_and_not_written(api: Api) -> None:
    run_id = api.create_run()
    log(api, run_id, *(line(str(i), i) for i in range(10)))
    api.runs.DeleteRun(DeleteRunRequest(run_id=run_id))
    (answer,) = api.log_batches([LogBatchRequest(run_id=run_id, console=[line("late", 11)])])
    assert answer.error.reason == "RUN_DELETED"
    assert len(read(api, run_id)) == 10
