"""`runstream runs console`: what the program of a run wrote on its console."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click

from runstream.calls.client import TrackingClient
from runstream.cli.client_option import with_client
from runstream.cli.output import escape_controls, json_option, print_json_line
from runstream.cli.runs_command import runs
from runstream.cli.selection_options import run_argument
from runstream.entities import ConsoleLine, RunInfo
from runstream.errors import FailedPrecondition

# Lines whose text is known while a run is followed.
_KNOWN_LINES = 1_000

# Colours, and other sequences that a terminal would obey.
_COLOUR = re.compile(r"(\x1b\[[0-9;:]*m)")
_SEQUENCE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_].*?(?:\x07|\x1b\\|$)|\x1b[ -/]*[0-~]")


@runs.command()
@with_client
@run_argument(environment=True)
@click.option(
    "--follow", "-f", is_flag=True, help="Go on with what is written, until the run ends."
)
@click.option("--last", type=click.IntRange(0), metavar="N", help="Begin with the last N lines.")
@json_option
def console(
    client: TrackingClient, run_id: str, follow: bool, last: int | None, as_json: bool
) -> None:
    """Print what the program of a run wrote on its console.

    Lines of its stderr go to stderr. Of control sequences only colours are printed, and those only
    on a terminal; with --json every line is an object, with all that was written.
    """
    lines = _follow(client, run_id, last) if follow else client.read_console(run_id, last=last)
    number = None
    for line in lines:
        if as_json:
            print_json_line(line)
            continue
        if number is not None and line.number > number + 1:
            missing = line.number - number - 1
            words = "line is" if missing == 1 else "lines are"
            click.echo(f"[{missing:,} {words} not kept]", err=True)
        number = max(number or 0, line.number)
        is_error = line.stream == "stderr"
        click.echo(_printable(line.text), err=is_error)


def _follow(client: TrackingClient, run_id: str, last: int | None) -> Iterator[ConsoleLine]:
    """Yield lines until the run ends; a line that is written over comes again."""
    known: dict[int, str] = {}
    after = 0
    while True:
        position = client.get_position()
        is_over = _is_over(client.get_run(run_id).info)
        for line in client.read_console(run_id, after, last):
            yield from _if_new(line, known)
        if is_over:
            return
        try:
            for change in client.watch([run_id], position=position):
                if change.console_line:
                    for line in client.read_console(run_id, change.console_line - 1):
                        yield from _if_new(line, known)
                if change.purged or (change.info is not None and _is_over(change.info)):
                    return
        except FailedPrecondition as error:
            if error.reason != "WATCH_FELL_BEHIND":
                raise
        after, last = max(known, default=0), None


def _is_over(run: RunInfo) -> bool:
    return run.status not in ("RUNNING", "SCHEDULED") or run.lifecycle_stage == "deleted"


def _if_new(line: ConsoleLine, known: dict[int, str]) -> Iterator[ConsoleLine]:
    if known.get(line.number) != line.text:
        known[line.number] = line.text
        if len(known) > _KNOWN_LINES:
            del known[next(iter(known))]
        yield line


def _printable(text: str) -> str:
    """Return text that no terminal obeys, but for its colours; click removes those elsewhere."""
    parts = _COLOUR.split(text)
    parts[::2] = [
        "\t".join(map(escape_controls, _SEQUENCE.sub("", part).split("\t"))) for part in parts[::2]
    ]
    return "".join(parts) + ("\x1b[0m" if len(parts) > 1 else "")
