"""`runstream models`: the model registry."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable

import click

from runstream.calls.client import TrackingClient
from runstream.cli.client_option import with_client
from runstream.cli.logging_commands import KeyValue
from runstream.cli.output import (
    format_number,
    format_time,
    json_option,
    print_json,
    print_json_array,
    print_table,
)
from runstream.entities import ModelVersion, RegisteredModel
from runstream.files.artifact_paths import STAGES, VersionUri, model_uri_error, parse_artifact_uri


@click.group()
def models() -> None:
    """Register models, and see and change their versions, aliases, tags and stages."""


def _search_options(command: Callable[..., None]) -> Callable[..., None]:
    options = (
        click.option(
            "--filter", "filter_string", default="", help="Such as \"tags.team = 'risk'\"."
        ),
        click.option("--order-by", multiple=True, help='Such as "name DESC"; again for more.'),
        click.option("--limit", type=click.IntRange(1), help="At most so many."),
    )
    for option in reversed(options):
        command = option(command)
    return command


_version_option = click.option(
    "--version", type=click.IntRange(1), metavar="NUMBER", help="One of its versions."
)


@models.command("list")
@_search_options
@with_client
@json_option
def list_models(
    client: TrackingClient,
    filter_string: str,
    order_by: tuple[str, ...],
    limit: int | None,
    as_json: bool,
) -> None:
    """List registered models by name."""
    found = client.search_registered_models(filter_string, limit, order_by)
    if as_json:
        print_json_array(found)
        return
    print_table(
        ("name", "latest version", "aliases", "changed", "description"),
        (
            (
                model.name,
                str(max((int(one.version) for one in model.latest_versions), default="")),
                _describe_aliases(model.aliases),
                format_time(model.last_updated_timestamp),
                model.description,
            )
            for model in found
        ),
        numbers=(1,),
    )


@models.command()
@click.argument("name")
@_version_option
@with_client
@json_option
def show(client: TrackingClient, name: str, version: int | None, as_json: bool) -> None:
    """Show the registered model NAME, or one of its versions."""
    found = (
        client.get_registered_model(name)
        if version is None
        else client.get_model_version(name, version)
    )
    if as_json:
        print_json(found)
        return
    rows = _version_rows(found) if isinstance(found, ModelVersion) else _model_rows(found)
    print_table((), [row for row in rows if row[1]])


@models.command()
@click.argument("name", required=False)
@_search_options
@with_client
@json_option
def versions(
    client: TrackingClient,
    name: str | None,
    filter_string: str,
    order_by: tuple[str, ...],
    limit: int | None,
    as_json: bool,
) -> None:
    """List the versions of the registered model NAME, or of all, the newest first."""
    conditions = [f"({filter_string})"] if filter_string else []
    if name is not None:
        client.get_registered_model(name)  # one that is not there is no empty list
        conditions.append("name = '{}'".format(name.replace("'", "''")))
    order = order_by or (("version_number DESC",) if name is not None else ())
    found = client.search_model_versions(" AND ".join(conditions), limit, order)
    if as_json:
        print_json_array(found)
    else:
        _print_versions(found)


@models.command()
@click.argument("model_uri", metavar="URI")
@click.argument("name")
@click.option(
    "--tag", "-t", "tags", type=KeyValue(), multiple=True, help="Of the version; again for more."
)
@with_client
@json_option
def register(
    client: TrackingClient,
    model_uri: str,
    name: str,
    tags: tuple[tuple[str, str], ...],
    as_json: bool,
) -> None:
    """Make a version of the registered model NAME, which is created if it is not there.

    URI says where the files are: runs:/RUN_ID/PATH, models:/MODEL_ID, models:/NAME/VERSION or
    models:/NAME@ALIAS.
    """
    version = client.register_model(model_uri, name, tags)
    if as_json:
        print_json(version)
    else:
        click.echo(f"Registered version {version.version} of {name!r}.")


@models.command()
@click.argument("name")
@click.argument("alias")
@click.argument("version", type=click.IntRange(1), required=False)
@click.option("--delete", "is_deleted", is_flag=True, help="Delete the alias.")
@with_client
def alias(
    client: TrackingClient, name: str, alias: str, version: int | None, is_deleted: bool
) -> None:
    """Let ALIAS lead to a version of the registered model NAME: models:/NAME@ALIAS."""
    if is_deleted == (version is not None):
        raise click.UsageError("give either VERSION or --delete")
    if version is None:
        client.delete_registered_model_alias(name, alias)
        click.echo(f"{name}@{alias} leads nowhere any more.", err=True)
    else:
        client.set_registered_model_alias(name, alias, version)
        click.echo(f"{name}@{alias} is version {version}.", err=True)


@models.command()
@click.argument("name")
@click.argument("key")
@click.argument("value", required=False)
@_version_option
@click.option("--delete", "is_deleted", is_flag=True, help="Delete the tag.")
@with_client
def tag(
    client: TrackingClient,
    name: str,
    key: str,
    value: str | None,
    version: int | None,
    is_deleted: bool,
) -> None:
    """Set a tag of the registered model NAME, or of one of its versions."""
    if is_deleted == (value is not None):
        raise click.UsageError("give either VALUE or --delete")
    if version is None and is_deleted:
        client.delete_registered_model_tag(name, key)
    elif version is None:
        client.set_registered_model_tag(name, key, value)
    elif is_deleted:
        client.delete_model_version_tag(name, version, key)
    else:
        client.set_model_version_tag(name, version, key, value)


@models.command()
@click.argument("name")
@click.argument("version", type=click.IntRange(1))
@click.argument("stage", type=click.Choice(STAGES, case_sensitive=False))
@click.option("--archive-existing", is_flag=True, help="Archive other versions of the stage.")
@with_client
def stage(
    client: TrackingClient, name: str, version: int, stage: str, archive_existing: bool
) -> None:
    """Move a version of the registered model NAME to a stage."""
    moved = client.transition_model_version_stage(name, version, stage, archive_existing)
    click.echo(f"Version {version} of {name!r} is in stage {moved.current_stage}.", err=True)


@models.command()
@click.argument("name")
@_version_option
@click.option("--yes", is_flag=True, help="Do not ask. Only on a terminal it is asked.")
@with_client
def delete(client: TrackingClient, name: str, version: int | None, yes: bool) -> None:
    """Delete the registered model NAME with all its versions, or one of them; files stay."""
    what = (
        f"model {name!r} with all versions" if version is None else f"version {version} of {name!r}"
    )
    if sys.stdin.isatty() and not yes and not click.confirm(f"Delete {what} for good?", err=True):
        click.get_current_context().exit(1)
    if version is None:
        client.delete_registered_model(name)
    else:
        client.delete_model_version(name, version)
    click.echo(f"Deleted {what}.")


@models.command()
@click.argument("model", metavar="NAME/VERSION|NAME@ALIAS")
@click.option(
    "--dst-path",
    "-d",
    metavar="FOLDER",
    type=click.Path(file_okay=False),
    default=os.curdir,
    show_default=True,
    help="Where it goes.",
)
@with_client
@json_option
def download(client: TrackingClient, model: str, dst_path: str, as_json: bool) -> None:
    """Download the files of a version, and print where they are.

    In place of a number or an alias, NAME/latest is the newest version, and NAME/STAGE that of a
    stage.
    """
    uri = model if model.startswith("models:/") else f"models:/{model}"
    located = parse_artifact_uri(uri, "model")
    if not isinstance(located, VersionUri):
        raise model_uri_error("model", model)
    local = client.download_artifacts(*client.find_version_files(located), dst_path)
    if as_json:
        print_json({"path": local})
    else:
        click.echo(local)


def _print_versions(found: Iterable[ModelVersion]) -> None:
    print_table(
        ("name", "version", "stage", "aliases", "created", "run", "source"),
        (
            (
                one.name,
                one.version,
                one.current_stage,
                ", ".join(one.aliases),
                format_time(one.creation_timestamp),
                one.run_id,
                one.source,
            )
            for one in found
        ),
        numbers=(1,),
    )


def _model_rows(model: RegisteredModel) -> list[tuple[str, str]]:
    latest = (f"{one.version} ({one.current_stage})" for one in model.latest_versions)
    return [
        ("name", model.name),
        ("latest versions", ", ".join(latest)),
        ("aliases", _describe_aliases(model.aliases)),
        *_common_rows(model),
    ]


def _version_rows(version: ModelVersion) -> list[tuple[str, str]]:
    return [
        ("name", version.name),
        ("version", version.version),
        ("stage", version.current_stage),
        ("aliases", ", ".join(version.aliases)),
        ("source", version.source),
        ("run", version.run_id),
        ("status", version.status),
        *_common_rows(version),
        *((f"params.{key}", value) for key, value in version.params.items()),
        *((f"metrics.{one.key}", format_number(one.value)) for one in version.metrics),
    ]


def _common_rows(found: RegisteredModel | ModelVersion) -> list[tuple[str, str]]:
    return [
        ("description", found.description),
        ("created", format_time(found.creation_timestamp)),
        ("created by", found.user_id),
        ("changed", format_time(found.last_updated_timestamp)),
        *((f"tags.{key}", value) for key, value in found.tags.items()),
    ]


def _describe_aliases(aliases: dict[str, str]) -> str:
    return ", ".join(f"{alias} = {version}" for alias, version in aliases.items())
