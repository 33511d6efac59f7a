"""`runstream tokens`: the tokens by which callers say who they are."""

from __future__ import annotations

import time

import click

from runstream.calls.client import TrackingClient
from runstream.cli.age_option import parse_age
from runstream.cli.client_option import with_client
from runstream.cli.output import format_time, json_option, print_json, print_json_array, print_table
from runstream.entities import Token


@click.group()
def tokens() -> None:
    """Make, list and revoke the tokens by which callers say who they are."""


@tokens.command()
@click.option("--user", default="", metavar="NAME", help="Whose it is.  [default: the caller's]")
@click.option(
    "--role",
    type=click.Choice(["reader", "writer", "admin"]),
    default="writer",
    show_default=True,
    help="What it allows at the most.",
)
@click.option(
    "--expires",
    callback=parse_age,
    metavar="TIME",
    help="It is valid for so long: 90d, 12h, 1d2h3m4s.  [default: for ever]",
)
@click.option("--description", default="", metavar="TEXT", help="What it is for.")
@with_client
@json_option
def create(
    client: TrackingClient,
    user: str,
    role: str,
    expires: float | None,
    description: str,
    as_json: bool,
) -> None:
    """Make a token, and print it this one time.

    The first one has to be that of an admin; from then on the server asks every caller for one.
    """
    expiry = None if expires is None else int((time.time() + expires) * 1000)
    made = client.create_token(user, role, expiry, description)
    if as_json:
        print_json(made)
        return
    click.echo(made.secret)
    click.echo(
        f"Token {made.token.token_id} of {made.token.user_name!r}, role {role}. It is shown once; "
        "RUNSTREAM_TOKEN or the file of RUNSTREAM_TOKEN_FILE gives it to programs.",
        err=True,
    )


@tokens.command("list")
@click.option("--user", default="", metavar="NAME", help="Only those of this user.")
@with_client
@json_option
def list_tokens(client: TrackingClient, user: str, as_json: bool) -> None:
    """List tokens: all of them for an admin, their own for others."""
    found = client.list_tokens(user)
    if as_json:
        print_json_array(found)
        return
    print_table(
        ("id", "user", "role", "created", "last used", "state", "description"),
        (
            (
                str(token.token_id),
                token.user_name,
                token.role,
                format_time(token.creation_time),
                format_time(token.last_use_time),
                _state(token),
                token.description,
            )
            for token in found
        ),
    )


@tokens.command()
@click.argument("token_id", type=int, metavar="ID")
@with_client
def revoke(client: TrackingClient, token_id: int) -> None:
    """Revoke a token: it is refused from now on, and streams that were opened with it end."""
    token = client.revoke_token(token_id)
    click.echo(f"Revoked token {token_id} of {token.user_name!r}.")


def _state(token: Token) -> str:
    if token.revocation_time is not None:
        return f"revoked {format_time(token.revocation_time)}"
    if token.expiry_time is None:
        return "valid"
    is_over = token.expiry_time <= time.time() * 1000
    return f"{'expired' if is_over else 'valid until'} {format_time(token.expiry_time)}"
