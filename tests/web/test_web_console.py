"""The console of a run in the browser: rows C1, C2 and C6 of docs/behaviour.md."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from runstream import TrackingClient
from runstream.v1.console_pb2 import CONSOLE_STREAM_STDERR, CONSOLE_STREAM_STDOUT, ConsoleLine
from runstream_service.catalog.console import HEAD_BYTES, LINE_BYTES, TAIL_BYTES
from support.server_process import ENVIRONMENT, ServerProcess
from support.shell import COMMAND
from web.test_web_hostile import LONGEST_STOP, expect_alive

#: 2026-01-02 03:04:05 in UTC.
TIME = 1_767_323_045_000

#: How far the output is scrolled, how high it is, and how much of it is in sight.
PLACE = "region => [region.scrollTop, region.scrollHeight, region.clientHeight]"


class Console:
    """A run whose lines a test writes, and the page that shows them."""

    def __init__(self, client: TrackingClient, page: Page, http: str) -> None:
        self.client = client
        self.page = page
        self.run_id = client.create_run("0", run_name="talker").info.run_id
        self._address = f"{http}/#/runs/{self.run_id}?tab=console"
        self._sequence = {CONSOLE_STREAM_STDOUT: 0, CONSOLE_STREAM_STDERR: 0}

    def open(self, query: str = "") -> Page:
        self.page.goto(self._address + query)
        return self.page

    def write(self, *texts: str, stderr: bool = False) -> None:
        """Write lines."""
        stream = CONSOLE_STREAM_STDERR if stderr else CONSOLE_STREAM_STDOUT
        first = self._sequence[stream]
        self._sequence[stream] += len(texts)
        lines = [
            ConsoleLine(stream=stream, timestamp=TIME, text=text, writer=stream, sequence=first + i)
            for i, text in enumerate(texts)
        ]
        self.client.buffer(self.run_id).log_console(lines)
        self.client.flush()

    def write_over(self, text: str, *, stderr: bool = False) -> None:
        """Replace the last line of a stream, as a progress bar does."""
        self._sequence[CONSOLE_STREAM_STDERR if stderr else CONSOLE_STREAM_STDOUT] -= 1
        self.write(text, stderr=stderr)

    @property
    def output(self) -> Locator:
        return self.page.get_by_role("region", name="Console")

    @property
    def lines(self) -> Locator:
        return self.output.get_by_role("listitem")

    @property
    def texts(self) -> Locator:
        return self.output.locator(".text")

    def is_at_end(self) -> bool:
        top, height, seen = self.output.evaluate(PLACE)
        return bool(top + seen >= height - 1)


@pytest.fixture
def console(server: ServerProcess, page: Page) -> Iterator[Console]:
    with TrackingClient(server.uri) as client:
        yield Console(client, page, server.http)


def test_a_launched_program_is_followed_while_it_writes_and_fails(
    server: ServerProcess, page: Page, tmp_path: Path
) -> None:
    program = (
        "import sys\n"
        "print('first', flush=True)\n"
        "for i in range(int(input())):\n"
        "    print(f'epoch {i}', flush=True)\n"
        "raise SystemExit('it went wrong')\n"
    )
    (tmp_path / "train.py").write_text(program)
    launched = subprocess.Popen(
        [*COMMAND, "run", "--tracking-uri", server.uri, sys.executable, str(tmp_path / "train.py")],
        env=ENVIRONMENT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert launched.stdout is not None
    assert launched.stdout.readline() == "first\n"
    with TrackingClient(server.uri) as client:
        (run,) = client.search_runs(["0"])
    page.goto(f"{server.http}/#/runs/{run.info.run_id}")
    page.get_by_role("tab", name="Console").click()
    output = page.get_by_role("region", name="Console")
    expect(output.get_by_role("listitem")).to_have_count(1)
    expect(output.locator(".text")).to_have_text("first")
    launched.communicate("100\n")
    expect(output.get_by_text("epoch 99", exact=True)).to_be_in_viewport()
    expect(output.locator(".stderr")).to_contain_text("it went wrong")
    expect(output.locator(".stderr")).to_contain_text("err")
    expect(page.locator(".status").first).to_contain_text("Failed")


def test_following_ends_when_somebody_scrolls_up_and_comes_back_by_a_button(
    console: Console,
) -> None:
    console.write(*(f"line {i}" for i in range(1_000)))
    page = console.open()
    follow = page.get_by_role("button", name="Follow")
    expect(console.output.get_by_text("line 999", exact=True)).to_be_in_viewport()
    expect(follow).to_have_count(0)
    console.output.hover()
    page.mouse.wheel(0, -2_000)
    expect(follow).to_be_visible()
    top = console.output.evaluate(PLACE)[0]
    console.write(*(f"later {i}" for i in range(500)))
    expect(page.get_by_role("status").filter(has_text="1,500 lines")).to_be_visible()
    assert console.output.evaluate(PLACE)[0] == top
    follow.click()
    expect(console.output.get_by_text("later 499", exact=True)).to_be_in_viewport()
    expect(follow).to_have_count(0)
    expect(console.output).to_be_focused()
    console.write("the last one")
    expect(console.output.get_by_text("the last one")).to_be_in_viewport()
    page.keyboard.press("Home")
    expect(console.output.get_by_text("line 0", exact=True)).to_be_in_viewport()
    expect(follow).to_be_visible()
    page.keyboard.press("End")
    expect(follow).to_have_count(0)


def test_a_progress_bar_moves_in_its_place_far_above_other_lines(console: Console) -> None:
    console.write("10 %", stderr=True)
    console.write(*(f"line {i}" for i in range(2_000)))
    page = console.open()
    expect(console.output.get_by_text("line 1999", exact=True)).to_be_visible()
    console.output.press("Home")
    expect(console.texts.first).to_have_text("10 %")
    console.write_over("90 %", stderr=True)
    expect(console.texts.first).to_have_text("90 %")
    console.write_over("100 %", stderr=True)
    console.write("done", stderr=True)
    expect(page.get_by_role("status").filter(has_text="2,002 lines")).to_be_visible()
    expect(console.texts.first).to_have_text("100 %")


def test_streams_are_told_apart_filtered_and_timed(console: Console) -> None:
    console.write("out one", "out two")
    console.write("problem one", "problem <two>", stderr=True)
    page = console.open()
    expect(console.lines).to_have_text(
        ["1out one", "2out two", "3errproblem one", "4errproblem <two>"]
    )
    assert console.lines.nth(2).get_attribute("aria-setsize") == "4"
    page.get_by_label("Which output").select_option("stderr")
    expect(console.texts).to_have_text(["problem one", "problem <two>"])
    expect(page.get_by_role("status").filter(has_text="2 of 4 lines")).to_be_visible()
    page.get_by_label("Find lines").fill("<TWO>")
    expect(console.texts).to_have_text(["problem <two>"])
    expect(console.output.locator("mark")).to_have_text(["<two>"])
    page.get_by_label("Which output").select_option("")
    page.get_by_label("Find lines").fill("o")
    expect(console.texts).to_have_count(4)
    page.get_by_label("Find lines").fill("(")
    expect(page.get_by_role("status").filter(has_text="0 of 4 lines")).to_be_visible()
    page.get_by_label("Find lines").fill("")
    zone = page.evaluate(f"new Date({TIME}).getHours() + ':' + new Date({TIME}).getMinutes()")
    hour, minute = zone.split(":")
    expect(console.output.locator(".time")).to_have_count(0)
    page.get_by_label("Times").check()
    expect(console.output.locator(".time").first).to_contain_text(
        f"{int(hour):02}:{int(minute):02}:05"
    )
    page.reload()  # and the address has it all
    expect(page.get_by_label("Times")).to_be_checked()


def style(span: Locator, name: str) -> str:
    return str(span.evaluate("(span, name) => getComputedStyle(span)[name]", name))


def test_colours_are_shown_and_go_on_until_they_are_reset(console: Console) -> None:
    console.write(
        "plain \x1b[1;31mred\x1b[0m after",
        "\x1b[38;5;34mcube\x1b[39m \x1b[38;2;255;135;0mtrue\x1b[m \x1b[48:2::0:0:128mpaper\x1b[0m",
        "\x1b[32mgreen begins",
        "still green\x1b[0m",
        "\x1b[7minverse\x1b[27m\x1b[3mslanted\x1b[0m",
    )
    console.open()
    expect(console.texts).to_have_text(
        ["plain red after", "cube true paper", "green begins", "still green", "inverseslanted"]
    )
    spans = [row.locator("span").all() for row in console.texts.all()]
    assert [len(row) for row in spans] == [3, 5, 1, 1, 2]
    plain, red, after = spans[0]
    assert style(red, "fontWeight") == "700"
    assert style(red, "color") != style(plain, "color") == style(after, "color")
    assert style(spans[1][0], "color") != style(spans[1][2], "color")
    assert style(spans[1][4], "backgroundColor") == "rgb(0, 0, 128)"
    assert style(spans[2][0], "color") == style(spans[3][0], "color") != style(plain, "color")
    assert style(spans[4][0], "backgroundColor") == style(plain, "color")
    assert style(spans[4][1], "fontStyle") == "italic"


MARKUP = "<img src=x onerror=\"document.title='broken'\"><b>bold</b>"
HOSTILE = {
    MARKUP: MARKUP,
    "\x1b[2J\x1b[H\x1b]0;title\x07\x1b]52;c;!\x1b\\\x1bcclean": "clean",
    "\x1b]8;;javascript:alert(1)\x07a link\x1b]8;;\x07": "a link",
    "nul \x00 bell \x07 back \b c1 \x9b5n \u202eevil\u2066": (
        "nul \\x00 bell \\x07 back \\x08 c1 \\x9b5n \\u202eevil\\u2066"
    ),
    "half \x1b[38;5": "half ",
    "half \x1b": "half ",
    "half \x1b]0;never ends": "half ",
    "\x1b[38;5;999;38;2;1m\x1b[;;;m\x1b[999m\x1b[?25lodd": "odd",
    "שלום \tعالم 日本 🎉": "שלום \tعالم 日本 🎉",
    "x" * 16_000: "x" * 16_000,
    "\x1b[31mx\x1b[32my" * 1_300: "xy" * 1_300,
    "e" + "\u0301" * 8_000: "e" + "\u0301" * 20 + "…",
    "\x1b[" * 8_000: "",
    "\x1b]" * 8_000: "",
    "": "",
}


def test_nothing_of_what_was_written_is_obeyed_or_stops_the_page(console: Console) -> None:
    console.page.add_init_script(LONGEST_STOP)
    console.write(*HOSTILE)
    console.open()
    expect(console.texts).to_have_count(len(HOSTILE))
    assert console.texts.all_text_contents() == list(HOSTILE.values())
    assert console.output.locator("img, b, a").count() == 0
    expect(console.page).to_have_title("talker · Runstream")
    for row in console.lines.all():  # each stays on its own line
        assert row.evaluate("row => row.getBoundingClientRect().height") == 20
    console.page.get_by_label("Find lines").fill("\\x00")
    expect(console.texts).to_have_count(1)
    expect_alive(console.page)


def test_a_long_console_is_drawn_in_part_found_through_and_saved_as_text(
    console: Console, tmp_path: Path
) -> None:
    console.page.add_init_script(LONGEST_STOP)
    wide = "\x1b[32m{}\x1b[0m " + "x" * 91
    kept = (HEAD_BYTES + TAIL_BYTES) // (LINE_BYTES + 110)
    count = kept + 20_000
    for i in range(0, count, 10_000):
        console.write(*(wide.format(j) for j in range(i, min(count, i + 10_000))))
    page = console.open()
    expect(console.output).to_have_attribute("aria-busy", "false")
    expect(console.output.get_by_text(f"{count - 1} xxx")).to_be_in_viewport()
    assert console.is_at_end()
    assert console.lines.count() < 100
    console.output.press("Home")
    expect(console.output.get_by_text("0 xxx").first).to_be_in_viewport()
    for place in (0.1, 0.24, 0.26, 0.7):
        console.output.evaluate("(o, place) => { o.scrollTop = place * o.scrollHeight }", place)
        expect(console.lines.first).to_be_visible()
    page.get_by_label("Find lines").fill(f"{count - 77} xxx")
    expect(console.texts).to_have_count(1)
    page.get_by_label("Find lines").fill("")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    assert download.value.suggested_filename == "talker-console.txt"
    download.value.save_as(tmp_path / "console.txt")
    saved = (tmp_path / "console.txt").read_text().splitlines()
    lines = list(console.client.read_console(console.run_id))
    assert len(saved) == len(lines) + 1
    assert saved[0] == "0 " + "x" * 91
    (gap,) = (line for line in saved if line.startswith("["))
    assert gap.startswith(f"[{count - len(lines):,} lines are not kept")
    expect_alive(page)
    # And it goes on; what is not kept is seen in its place.
    console.write("one more")
    console.output.press("End")
    expect(console.output.get_by_text("one more")).to_be_in_viewport()
    console.output.evaluate("(o, at) => { o.scrollTop = at * 20 - 100 }", saved.index(gap))
    expect(console.output.get_by_text("lines are not kept")).to_be_in_viewport()


def test_a_run_without_output_says_how_to_keep_it(console: Console) -> None:
    page = console.open()
    expect(page.get_by_text("capture_output=True")).to_be_visible()
    expect(page.get_by_text("runstream run train.py")).to_be_visible()
    console.write("there is some now")  # it appears without a reload
    expect(console.texts).to_have_text(["there is some now"])


def test_another_run_has_another_console(console: Console, server: ServerProcess) -> None:
    console.write("of the one")
    other = console.client.create_run("0").info.run_id
    page = console.open()
    expect(console.texts).to_have_text(["of the one"])
    page.goto(f"{server.http}/#/runs/{other}?tab=console")
    expect(page.get_by_text("No output")).to_be_visible()
    page.go_back()
    expect(console.texts).to_have_text(["of the one"])
