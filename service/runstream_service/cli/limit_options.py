"""The options of `runstream server` that limit each caller, and the audit log."""

from __future__ import annotations

import math
from collections.abc import Callable

import click

from runstream_service.config import DEFAULT_LIMITS, Limits

_MEBIBYTE = 1024 * 1024
_GIBIBYTE = 1024 * _MEBIBYTE


def limit_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the limits of each caller, and of the audit log, to a command."""
    limits = DEFAULT_LIMITS
    options = [
        click.option(
            "--requests-per-caller",
            envvar="RUNSTREAM_REQUESTS_PER_CALLER",
            type=click.IntRange(0),
            default=limits.requests,
            show_default=True,
            show_envvar=True,
            metavar="NUMBER",
            help="Calls that one caller may begin in a second; 0 for no limit.",
        ),
        click.option(
            "--calls-per-caller",
            envvar="RUNSTREAM_CALLS_PER_CALLER",
            type=click.IntRange(0),
            default=limits.calls,
            show_default=True,
            show_envvar=True,
            metavar="NUMBER",
            help="Calls that one caller may have open, and as many streams that log or watch; 0 "
            "for no limit.",
        ),
        click.option(
            "--watches-per-caller",
            envvar="RUNSTREAM_WATCHES_PER_CALLER",
            type=click.IntRange(0),
            default=limits.watches,
            show_default=True,
            show_envvar=True,
            metavar="NUMBER",
            help="Watches that one caller may have open; 0 for no limit.",
        ),
        click.option(
            "--mib-per-caller",
            envvar="RUNSTREAM_MIB_PER_CALLER",
            type=click.IntRange(0),
            default=limits.bytes // _MEBIBYTE,
            show_default=True,
            show_envvar=True,
            metavar="NUMBER",
            help="MiB that one caller may send in a second; 0 for no limit.",
        ),
        click.option(
            "--artifact-gib-per-caller",
            envvar="RUNSTREAM_ARTIFACT_GIB_PER_CALLER",
            type=click.FloatRange(0, max=1_000_000),
            default=0,
            show_default=True,
            show_envvar=True,
            metavar="NUMBER",
            help="GiB of artifacts that one caller may store; 0 for no limit.",
        ),
        click.option(
            "--audit-days",
            envvar="RUNSTREAM_AUDIT_DAYS",
            type=click.IntRange(0, 36_500),
            default=365,
            show_default=True,
            show_envvar=True,
            metavar="DAYS",
            help="Days for which the audit log is kept; 0 for ever.",
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def limits_of(
    requests_per_caller: int,
    calls_per_caller: int,
    watches_per_caller: int,
    mib_per_caller: int,
    artifact_gib_per_caller: float,
) -> Limits:
    """Return the limits that the options say."""
    return Limits(
        requests=requests_per_caller,
        calls=calls_per_caller,
        watches=watches_per_caller,
        bytes=mib_per_caller * _MEBIBYTE,
        artifact_bytes=math.ceil(artifact_gib_per_caller * _GIBIBYTE),
    )
