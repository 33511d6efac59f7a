"""The options of `runstream server` for tokens and sign-ins of an OpenID provider."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import click

from runstream_service.config import OidcConfig

_OPTIONS = (
    click.option(
        "--oidc-issuer",
        envvar="RUNSTREAM_OIDC_ISSUER",
        default="",
        show_envvar=True,
        metavar="URL",
        help="OpenID provider whose tokens are accepted, and by which people sign in to the "
        "interface; the URL is what its tokens have as `iss`.",
    ),
    click.option(
        "--oidc-client-id",
        envvar="RUNSTREAM_OIDC_CLIENT_ID",
        default="",
        show_envvar=True,
        metavar="ID",
        help="Id of this server at the provider, which is the audience of its ID tokens.",
    ),
    click.option(
        "--oidc-client-secret-file",
        envvar="RUNSTREAM_OIDC_CLIENT_SECRET_FILE",
        type=click.Path(exists=True, dir_okay=False, readable=True, resolve_path=True),
        default=None,
        show_envvar=True,
        help="File with the secret of this server at the provider, if it has one.",
    ),
    click.option(
        "--oidc-audiences",
        envvar="RUNSTREAM_OIDC_AUDIENCES",
        default="",
        show_envvar=True,
        metavar="NAME,…",
        help="Other audiences whose tokens are accepted, such as those of access tokens.",
    ),
    click.option(
        "--oidc-name-claim",
        envvar="RUNSTREAM_OIDC_NAME_CLAIM",
        default="sub",
        show_default=True,
        show_envvar=True,
        metavar="CLAIM",
        help="Claim with the name of a caller: one that nobody can choose, such as `sub` or a "
        "verified `email`.",
    ),
    click.option(
        "--oidc-groups-claim",
        envvar="RUNSTREAM_OIDC_GROUPS_CLAIM",
        default="groups",
        show_default=True,
        show_envvar=True,
        metavar="CLAIM",
        help="Claim with the groups or roles of a caller; `realm_access.roles` is one in another.",
    ),
    click.option(
        "--oidc-writers",
        envvar="RUNSTREAM_OIDC_WRITERS",
        default="",
        show_envvar=True,
        metavar="GROUP,…",
        help="Groups whose members may write; `everyone` for all. The others only read.",
    ),
    click.option(
        "--oidc-admins",
        envvar="RUNSTREAM_OIDC_ADMINS",
        default="",
        show_envvar=True,
        metavar="GROUP,…",
        help="Groups whose members are admins of this server.",
    ),
)


def oidc_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to a command, which gets them as `**oidc`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def oidc_config(oidc: Mapping[str, Any]) -> OidcConfig | None:
    """Return the settings from these options; None without an issuer.

    Raises:
        UsageError: some of them go only with others.
    """
    issuer, client_id = oidc["oidc_issuer"], oidc["oidc_client_id"]
    if not issuer:
        _check_nothing_given(oidc)
        return None
    if not client_id:
        raise click.UsageError("--oidc-issuer goes with --oidc-client-id")
    # Not imported above: every other command starts sooner without it.
    from runstream_service.access.issuer_documents import check_url

    try:
        check_url(issuer)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--oidc-issuer") from None
    return OidcConfig(
        issuer=issuer,
        client_id=client_id,
        client_secret_file=oidc["oidc_client_secret_file"] or "",
        audiences=_names(oidc["oidc_audiences"]),
        name_claim=oidc["oidc_name_claim"],
        groups_claim=oidc["oidc_groups_claim"],
        writers=_names(oidc["oidc_writers"]),
        admins=_names(oidc["oidc_admins"]),
    )


def _check_nothing_given(oidc: Mapping[str, Any]) -> None:
    for name in ("oidc_client_id", "oidc_client_secret_file", "oidc_writers", "oidc_admins"):
        if oidc[name]:
            raise click.UsageError(f"--{name.replace('_', '-')} goes with --oidc-issuer")


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())
