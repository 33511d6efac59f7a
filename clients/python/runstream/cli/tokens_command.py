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
        ("id", "user", "role", "created", "last used", "state", "made by", "description"),
        (
            (
                str(token.token_id),
                token.user_name,
                token.role,
                format_time(token.creation_time),
                format_time(token.last_use_time),
                _state(token),
                token.created_by or "",
                token.description,
            )
            for token in found
        ),
    )


@tokens.command()
@click.argument("token_id", type=int, required=False, metavar="[ID]")
@click.option("--user", metavar="NAME", help="All tokens of this user, who leaves.")
@with_client
def revoke(client: TrackingClient, token_id: int | None, user: str | None) -> None:
    """Revoke a token, or all of a user: they are refused from now on, and their streams end.

    With --user their sessions of the interface end, too. Tokens that they made for others stay, and
    are named.
    """
    if (token_id is None) == (user is None):
        raise click.UsageError("Give either the ID of a token or --user NAME.")
    if user is not None:
        _revoke_all(client, user)
    elif token_id is not None:
        token = client.revoke_token(token_id)
        click.echo(f"Revoked token {token_id} of {token.user_name!r}.")


def _revoke_all(client: TrackingClient, user: str) -> None:
    # Before they are revoked, one of which may be that of this call.
    for_others = [
        token
        for token in client.list_tokens()
        if token.created_by == user and token.user_name != user and token.revocation_time is None
    ]
    revoked = client.revoke_user_tokens(user)
    numbers = f": {', '.join(map(str, revoked))}" if revoked else ""
    click.echo(f"Revoked {len(revoked)} tokens of {user!r}{numbers}.")
    for token in for_others:
        click.echo(
            f"Token {token.token_id} of {token.user_name!r} was made by {user!r} and stays.",
            err=True,
        )


def _state(token: Token) -> str:
    if token.revocation_time is not None:
        return f"revoked {format_time(token.revocation_time)}"
    if token.expiry_time is None:
        return "valid"
    is_over = token.expiry_time <= time.time() * 1000
    return f"{'expired' if is_over else 'valid until'} {format_time(token.expiry_time)}"
