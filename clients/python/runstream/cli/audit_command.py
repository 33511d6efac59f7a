"""`runstream audit`: who changed what, and what was refused to whom."""

from __future__ import annotations

import json
from dataclasses import asdict
from itertools import islice

import click

from runstream.calls.client import TrackingClient
from runstream.cli.client_option import with_client
from runstream.cli.since_option import parse_moment


@click.command()
@click.option("--user", "user_name", default="", help="Only calls of this user.")
@click.option("--method", default="", help="Only calls of this method, such as DeleteRun.")
@click.option(
    "--since",
    "start_time",
    callback=parse_moment,
    metavar="TIME",
    help="Only calls that ended then or later: so long ago (2h, 30d), a date (2026-11-01, "
    "2026-11-01T08:30+02:00; of UTC unless it says otherwise), or milliseconds since the epoch.",
)
@click.option(
    "--limit", type=click.IntRange(1), help="So many entries at the most.", metavar="NUMBER"
)
@with_client
def audit(
    client: TrackingClient, user_name: str, method: str, start_time: int | None, limit: int | None
) -> None:
    """Print the audit log as lines of JSON, the newest entry first; for admins.

    It has the calls that changed something and those that were refused: time, user, address,
    method, what it was about, and how it ended.
    """
    entries = client.search_audit_log(user_name, method, start_time or 0)
    for entry in islice(entries, limit):
        click.echo(json.dumps(asdict(entry), ensure_ascii=False))
