"""`runstream gc`: to remove for good what is deleted."""

from __future__ import annotations

import sys
import time
from dataclasses import astuple, replace

import click

from runstream.calls.client import TrackingClient
from runstream.cli.age_option import parse_age
from runstream.cli.client_option import with_client
from runstream.cli.output import format_bytes, json_option, print_json, progress_bar
from runstream.entities import Purged


@click.command("gc")
@click.option(
    "--older-than",
    callback=parse_age,
    metavar="AGE",
    help="Only what was deleted so long ago: 30d, 12h, 1d2h3m4s.  [default: all that is deleted]",
)
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@click.option("--yes", is_flag=True, help="Do not ask. Only on a terminal it is asked.")
@with_client
@json_option
def purge(
    client: TrackingClient, older_than: float | None, dry_run: bool, yes: bool, as_json: bool
) -> None:
    """Remove deleted runs, experiments and logged models for good, with their artifacts.

    The names of the experiments are free again. Others can log meanwhile.
    """
    before = None if older_than is None else max(0, int((time.time() - older_than) * 1000))
    found = _count_purgeable(client, before)
    if not dry_run and any(astuple(replace(found, model_versions=0))):
        must_ask = sys.stdin.isatty() and not yes
        if must_ask and not click.confirm(f"Remove {_describe(found)} for good?", err=True):
            click.get_current_context().exit(1)
        found = _purge(client, before, found)
    if as_json:
        print_json(found)
    else:
        click.echo(f"{_describe(found)} {'would be removed' if dry_run else 'removed'}")
        if found.model_versions:
            kept = _count(found.model_versions, "version")
            click.echo(f"What {kept} of registered models need stays: delete these first")


def _purge(client: TrackingClient, before: int | None, expected: Purged) -> Purged:
    purged = expected
    with progress_bar(expected.runs + expected.experiments, "Removing") as bar:
        for purged in client.purge(before):
            bar.update(purged.runs + purged.experiments - bar.pos)
    return purged


def _count_purgeable(client: TrackingClient, before: int | None) -> Purged:
    *_, last = client.purge(before, dry_run=True)
    return last


def _describe(purged: Purged) -> str:
    return (
        f"{_count(purged.experiments, 'experiment')}, {_count(purged.runs, 'run')}, "
        f"{_count(purged.points, 'point')}, {_count(purged.logged_models, 'logged model')}, "
        f"{_count(purged.artifacts, 'artifact')} of {format_bytes(purged.artifact_bytes)}"
    )


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
