"""The options of `runstream server` that say how alerts are sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

_OPTIONS = (
    click.option(
        "--smtp-url",
        envvar="RUNSTREAM_SMTP_URL",
        default="",
        show_envvar=True,
        metavar="URL",
        help="Server through which e-mail of alerts is sent, "
        "smtps://user:password@host:port?from=name@host; with smtp:// TLS begins by STARTTLS. Give "
        "it by the variable: others on this machine see the options of a command.",
    ),
    click.option(
        "--alert-private-webhooks",
        envvar="RUNSTREAM_ALERT_PRIVATE_WEBHOOKS",
        is_flag=True,
        show_envvar=True,
        help="Call webhooks of alerts on this machine and in private networks, too, which whoever "
        "may write then reaches through the server.",
    ),
)


def alert_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def check_smtp_url(url: str) -> None:
    """Check the URL of an SMTP server; raises BadParameter, which does not show the password."""
    if not url:
        return
    # Not imported above: every other command starts sooner without it.
    from runstream_service.alerts.mail import parse_smtp_url

    try:
        parse_smtp_url(url)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--smtp-url") from None
