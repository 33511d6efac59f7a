"""Lines of what programs write, and how many of them are kept."""

from __future__ import annotations

import pytest

from runstream.console.lines import LINE_CHARACTERS, LineAssembler
from runstream.console.recorder import BYTES_PER_SECOND, INTERVAL, WAITING_BYTES, Recorder
from runstream.v1.console_pb2 import CONSOLE_STREAM_STDOUT, ConsoleLine


def assemble(*parts: bytes) -> list[str]:
    assembler = LineAssembler(CONSOLE_STREAM_STDOUT)
    found = [line for part in parts for line in assembler.feed(part)]
    found += assembler.finish()
    assert [line.sequence for line in found] == [*range(len(found))]
    return [line.text for line in found]


@pytest.mark.parametrize(
    ("written", "texts"),
    [
        (b"one\ntwo\n", ["one", "two"]),
        (b"one\r\n\r\ntwo", ["one", "", "two"]),
        (b"\r 1%\r 50%\r100%\n", ["100%"]),
        (b"1%\r50%\r", ["50%"]),
        (b"50%\r\n", ["50%"]),
        ("né€𝄞\n".encode(), ["né€𝄞"]),
        (b"\xff\xfe\n", ["\ufffd\ufffd"]),
        (b"\xe2\x82", ["\ufffd"]),
        (b"\x1b[31mred\x1b[0m\n", ["\x1b[31mred\x1b[0m"]),
        (b"", []),
    ],
)
def test_lines_are_the_same_however_they_are_divided(written: bytes, texts: list[str]) -> None:
    assert assemble(written) == texts
    assert assemble(*(written[i : i + 1] for i in range(len(written)))) == texts


def test_a_long_line_is_divided_and_nothing_is_lost() -> None:
    text = "é" * (LINE_CHARACTERS * 2 + 5)
    for parts in ([text.encode()], [text.encode()[i : i + 999] for i in range(0, 20_000, 999)]):
        found = assemble(*parts)
        assert "".join(found) == text
        assert max(map(len, found)) == LINE_CHARACTERS


def test_a_progress_bar_is_one_line_whose_text_is_told_now_and_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 0.0
    monkeypatch.setattr("runstream.console.lines.time.monotonic", lambda: now)
    assembler = LineAssembler(CONSOLE_STREAM_STDOUT)
    told = []
    for step in range(20):
        now += 0.5
        assert assembler.feed(b"\r%d" % step) == []
        told += assembler.update()
    told += assembler.feed(b"\n")
    assert [line.text for line in told] == ["0", "4", "8", "12", "16", "19"]
    assert {(line.writer, line.sequence) for line in told} == {(told[0].writer, 0)}
    assert [line.timestamp for line in told] == sorted(line.timestamp for line in told)


def line(number: int) -> ConsoleLine:
    return ConsoleLine(text=f"{number}".ljust(936), sequence=number)


def test_what_is_written_too_fast_is_left_out_in_the_middle_with_a_notice() -> None:
    sent: list[ConsoleLine] = []
    is_busy = False
    recorder = Recorder(sent.extend, lambda: is_busy)
    recorder.add(map(line, range(100)))
    recorder.flush()
    assert [each.sequence for each in sent] == [*range(100)]
    is_busy = True
    for first in range(100, 10_100, 100):
        recorder.add(map(line, range(first, first + 100)))
        recorder.flush()
    assert len(sent) == 100
    is_busy = False
    sent.clear()
    recorder.flush()
    kept = WAITING_BYTES // 1_000
    first = 10_100 - kept
    assert sent[0].sequence == first - 1
    assert f"{first - 100:,} lines are left out here" in sent[0].text
    assert len(sent) - 1 <= BYTES_PER_SECOND * INTERVAL / 1_000 + 1
    recorder.finish()
    assert [each.sequence for each in sent[1:]] == [*range(first, 10_100)]
