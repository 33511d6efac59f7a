"""What the end of a program says of what it did not deliver, for people."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

from runstream.contract.counts import count
from runstream.spool import settings

#: Runs and models that a report names; it counts the others.
NAMED_RUNS = 10


def describe_kept(uri: str, why: str, folder: Path, saved: Mapping[str, object]) -> str:
    """Return what says that a folder keeps what was not delivered to a server.

    Args:
        uri: tracking URI of the server.
        why: why it was not delivered, to stand after it.
        folder: what keeps it.
        saved: how much it is, by run or model.
    """
    counts = list_counts(saved)
    if len(counts) == 1:
        listed = f" {counts[0]}. "
    else:
        listed = "".join(f"\n  {line}" for line in counts) + "\n"
    return (
        f"not delivered to {uri}{why}; it is kept in {folder}:{listed}"
        f"`{_sync_command(folder)}` sends it, and so does the next program that logs to this "
        f"server while it runs; `runstream sync {shlex.quote(str(folder))} --to URI` sends it to "
        "another server"
    )


def _sync_command(folder: Path) -> str:
    """Return the command that delivers a folder, also where RUNSTREAM_SPOOL is not set."""
    named = settings.is_spool_named()
    return f"runstream sync {shlex.quote(str(folder.parent))}" if named else "runstream sync"


def describe_offline(folder: Path, server: str) -> str:
    """Return what says that a folder keeps what a program without a server logged.

    Args:
        folder: what keeps it.
        server: tracking URI that the folder names; empty if it names none.
    """
    to, others = " --to URI", ""
    if server:
        to, others = "", f", and so does the next program that logs to {server} while it runs"
    return (
        f"what was logged is kept in {folder}; "
        f"`runstream sync {shlex.quote(str(folder.parent))}{to}` sends it{others}"
    )


def describe_refused(uri: str, folder: Path, counts: Mapping[str, int]) -> str:
    """Return what says that a folder keeps what a server refused.

    Args:
        uri: tracking URI of the server.
        folder: what keeps it.
        counts: how many batches and uploads it is, by run or model.
    """
    kept = count(
        sum(counts.values()), "batch or upload, which is", "batches and uploads, which are"
    )
    return (
        f"{uri} refused {kept} kept in {folder}: "
        f"{', '.join(list_counts(counts))}. `runstream spool show {folder.name}` says why, "
        f"`runstream sync {folder.name}` sends them again"
    )


def list_counts(counts: Mapping[str, object]) -> list[str]:
    """Return how much it is of each run or model, and how many more there are."""
    listed = [f"{count} of {name_owner(owner)}" for owner, count in counts.items()]
    more = len(listed) - NAMED_RUNS
    return listed[:NAMED_RUNS] + ([f"and {more} more"] if more > 0 else [])


def name_owner(run_id: str) -> str:
    """Return what a run or a model is called."""
    return f"{'model' if run_id.startswith('m-') else 'run'} {run_id}"
