"""The options of TLS of `runstream server`."""

from __future__ import annotations

from collections.abc import Callable

import click

from runstream.errors import InvalidArgument


def _names(_: click.Context, __: click.Parameter, value: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in value.split(",") if name.strip())


def tls_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of TLS to a command."""
    options = [
        click.option(
            "--tls-cert",
            envvar="RUNSTREAM_TLS_CERT",
            metavar="FILE",
            default="",
            show_envvar=True,
            help="The certificate of the server in PEM, with which both ports speak TLS.",
        ),
        click.option(
            "--tls-key",
            envvar="RUNSTREAM_TLS_KEY",
            metavar="FILE",
            default="",
            show_envvar=True,
            help="The key of the certificate in PEM.",
        ),
        click.option(
            "--tls-client-ca",
            envvar="RUNSTREAM_TLS_CLIENT_CA",
            metavar="FILE",
            default="",
            show_envvar=True,
            help="The authorities, in PEM, whose certificates say who a client is.",
        ),
        click.option(
            "--tls-admins",
            envvar="RUNSTREAM_TLS_ADMINS",
            callback=_names,
            default="",
            show_envvar=True,
            metavar="NAME,…",
            help="The common names in certificates of clients who are admins; others are writers.",
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def check_tls(cert: str, key: str, client_ca: str, admins: tuple[str, ...]) -> None:
    """Check that the options belong together; raises InvalidArgument."""
    if bool(cert) != bool(key):
        raise InvalidArgument("--tls-cert and --tls-key are given together, or neither of them")
    if client_ca and not cert:
        raise InvalidArgument("--tls-client-ca needs --tls-cert and --tls-key")
    if admins and not client_ca:
        raise InvalidArgument("--tls-admins needs --tls-client-ca, which says who is known by name")
