"""The options and arguments that select experiments and runs, and their shell completion."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import wraps
from typing import Any

import click
import grpc

from runstream.calls.client import TrackingClient
from runstream.contract.run_batches import ExperimentChoice
from runstream.entities import Experiment
from runstream.errors import AlreadyExists, NotFound, RunstreamError
from runstream.files.artifact_paths import VersionUri, join_path, parse_artifact_uri
from runstream.transport import embedded, tracking_uri
from runstream.transport.channel import Stubs, open_channel
from runstream.transport.token import TokenSource
from runstream.v1.experiment_service_pb2 import SearchExperimentsRequest
from runstream.v1.run_service_pb2 import SearchRunsRequest

# Limits of a completion: the time a person waits after Tab, and the number of candidates.
_TIMEOUT = 1.0  # seconds
_MAX_CANDIDATES = 200

_ENVIRONMENT = "RUNSTREAM_EXPERIMENT_ID or _NAME, else MLFLOW_EXPERIMENT_ID or _NAME"

# An argument that looks like this names a file rather than an experiment.
_FILE = re.compile(r"/|\.(csv|parquet)$", re.IGNORECASE)

Decorator = Callable[[Callable[..., None]], Callable[..., None]]


class ExperimentCommand(click.Command):
    """A command whose experiment is an option; its error for an argument names the option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments as click does; the error for an extra one names the option."""
        given = list(args)
        try:
            return super().parse_args(ctx, args)
        except click.UsageError:
            _, words, _ = self.make_parser(ctx).parse_args(given)
            if not words:
                raise
            word = shlex.quote(words[0])
            hint = f"an experiment is named by --experiment-name {word}"
            if any(option.name == "output" for option in self.params) and _FILE.search(words[0]):
                hint = f"a file is named by --output {word}"
            raise click.UsageError(f"Got unexpected argument {words[0]!r}; {hint}", ctx) from None


def experiment_options(*, several: bool = False, environment: bool = False) -> Decorator:
    """Add --experiment-name and --experiment-id.

    Args:
        several: whether each may be given several times.
        environment: whether the environment is the default.
    """
    more = " Again for more." if several else ""
    default = f"  [default: {_ENVIRONMENT}]" if environment else ""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        command = click.option(
            "--experiment-id",
            "-x",
            multiple=several,
            metavar="ID",
            help=f"Id of the experiment.{more}{default}",
        )(command)
        return click.option(
            "--experiment-name",
            "-n",
            multiple=several,
            metavar="NAME",
            shell_complete=_complete_experiment_names,
            help=f"Name of the experiment.{more}",
        )(command)

    return decorate


def run_argument(*, several: bool = False, environment: bool = False) -> Decorator:
    """Add the argument RUN, an id or its beginning, to a command that has a client already.

    The command gets the whole id as `run_id`, or as `runs` all of several.

    Args:
        several: whether several may be given.
        environment: whether RUNSTREAM_RUN_ID is the default.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @click.argument(
            "given",
            nargs=-1 if several else 1,
            metavar="RUN..." if several else "[RUN]" if environment else "RUN",
            required=not environment,
            envvar="RUNSTREAM_RUN_ID" if environment else None,
            shell_complete=_complete_run_ids,
        )
        @wraps(command)
        def with_whole_ids(
            client: TrackingClient, given: str | tuple[str, ...] | None, **arguments: Any
        ) -> None:
            if given is None:
                raise click.UsageError("give RUN, or let RUNSTREAM_RUN_ID name it")
            if isinstance(given, str):
                command(client, run_id=expand_run_id(client, given), **arguments)
            else:
                runs = tuple(expand_run_id(client, each) for each in given)
                command(client, runs=runs, **arguments)

        return with_whole_ids

    return decorate


def artifacts_argument(command: Callable[..., None]) -> Callable[..., None]:
    """Add the arguments RUN and PATH to a command that reads artifacts and has a client already.

    RUN may be a URI of a run's or a model's artifacts, too. The command gets `run_id` and `path`.
    """

    @click.argument("given", metavar="RUN", shell_complete=_complete_run_ids)
    @click.argument("path", default="")
    @wraps(command)
    def with_owner(client: TrackingClient, given: str, path: str, **arguments: Any) -> None:
        named = parse_artifact_uri(given)
        if isinstance(named, VersionUri):
            named = client.find_version_files(named)
        owner, folder = named or (given, "")
        path = join_path(folder, path)
        command(client, run_id=expand_run_id(client, owner), path=path, **arguments)

    return with_owner


def view_option(command: Callable[..., None]) -> Callable[..., None]:
    """Add --view."""
    return click.option(
        "--view",
        type=click.Choice(["active_only", "deleted_only", "all"], case_sensitive=False),
        default="active_only",
        show_default=True,
        help="Whether to see what is deleted.",
    )(command)


def find_experiment(
    client: TrackingClient, name: str | None, experiment_id: str | None, environment: bool = False
) -> Experiment:
    """Return the one experiment that is named.

    Raises:
        UsageError: none is named, or two are.
        NotFound: it is not there.
    """
    if name is not None and experiment_id is not None:
        raise click.UsageError("give either --experiment-name or --experiment-id")
    if name is None and experiment_id is None and environment:
        name, experiment_id = _read_experiment_variables()
    if name is not None:
        return _find_experiment_by_name(client, name)
    if experiment_id is not None:
        return client.get_experiment(experiment_id)
    raise click.UsageError("give --experiment-name or --experiment-id")


def find_experiment_ids(
    client: TrackingClient, names: Iterable[str], ids: Iterable[str]
) -> list[str] | None:
    """Return the ids of the experiments that are named, or else that of the environment.

    None stands for all experiments.

    Raises:
        NotFound: one is not there.
    """
    named = [*(_find_experiment_by_name(client, name).experiment_id for name in names)]
    named += [client.get_experiment(number).experiment_id for number in ids]
    if named:
        return named
    name, number = _read_experiment_variables()
    if name is None and number is None:
        return None
    return [find_experiment(client, name, number).experiment_id]


def choose_experiment(
    client: TrackingClient, name: str | None, experiment_id: str | None
) -> ExperimentChoice:
    """Return the experiment that is named, else that of the environment, for a run that starts.

    One that is named is created with the run if it is not there.

    Raises:
        UsageError: two are named.
        NotFound: there is none of this id.
    """
    if name is None and experiment_id is None:
        name, experiment_id = _read_experiment_variables()
    if name is not None and experiment_id is None:
        return ExperimentChoice(name=name)
    if experiment_id is None:
        return ExperimentChoice("0")
    client.ask(lambda: find_experiment(client, name, experiment_id))
    return ExperimentChoice(experiment_id)


def find_experiment_id_for_new_run(
    client: TrackingClient, name: str | None, experiment_id: str | None
) -> str:
    """Return the id of the experiment that is named, else that of the environment, else "0".

    A name in the environment is created if it is not there, as `start_run` does.

    Args:
        client: where the experiment is.
        name: its name; or
        experiment_id: its id.

    Raises:
        UsageError: two are named.
        NotFound: it is not there.
    """
    creates = name is None and experiment_id is None
    if creates:
        name, experiment_id = _read_experiment_variables()
    is_name = name is not None and experiment_id is None
    if creates and is_name and client.get_experiment_by_name(str(name)) is None:
        with suppress(AlreadyExists):  # another process was faster
            return client.create_experiment(str(name))
    if name is None and experiment_id is None:
        return "0"
    return find_experiment(client, name, experiment_id).experiment_id


def expand_run_id(client: TrackingClient, given: str) -> str:
    """Return the id of the one run whose id begins with the given digits.

    Raises:
        NotFound: there is none.
        UsageError: there are several.
    """
    if not re.fullmatch("[0-9a-f]{1,31}", given):
        return given
    found = client.search_runs(
        None, f"run_id LIKE '{given}%'", "ALL", _MAX_CANDIDATES, metrics=(), params=(), tags=()
    )
    ids = [run.info.run_id for run in found]
    if not ids:
        raise NotFound(f"there is no run whose id begins with {given}", reason="RUN_NOT_FOUND")
    if len(ids) > 1:
        raise click.UsageError(
            f"{len(ids)} runs have an id that begins with {given}: {', '.join(ids[:3])}, ..."
        )
    return ids[0]


def _read_experiment_variables() -> tuple[str | None, str | None]:
    """Return the name or the id in the environment, in the order of the fluent API."""
    for prefix in ("RUNSTREAM", "MLFLOW"):
        if number := os.environ.get(f"{prefix}_EXPERIMENT_ID"):
            choice = ExperimentChoice.of_id(number)
            return choice.name or None, choice.experiment_id or None
        if name := os.environ.get(f"{prefix}_EXPERIMENT_NAME"):
            return name, None
    return None, None


def _find_experiment_by_name(client: TrackingClient, name: str) -> Experiment:
    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        raise NotFound(f"there is no experiment named {name!r}", reason="EXPERIMENT_NOT_FOUND")
    return experiment


def _complete_experiment_names(
    ctx: click.Context, _: click.Parameter, incomplete: str
) -> list[str]:
    def names(stubs: Stubs) -> list[str]:
        request = SearchExperimentsRequest(max_results=_MAX_CANDIDATES)
        answer = stubs.experiments.SearchExperiments(request, timeout=_TIMEOUT)
        return [experiment.name for experiment in answer.experiments]

    return [name for name in _query_server(ctx, names) if name.startswith(incomplete)]


def _complete_run_ids(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    if not re.fullmatch("[0-9a-f]{0,32}", incomplete):
        return []

    def ids(stubs: Stubs) -> list[str]:
        request = SearchRunsRequest(
            filter=f"run_id LIKE '{incomplete}%'" if incomplete else "", max_results=_MAX_CANDIDATES
        )
        answer = stubs.runs.SearchRuns(request, timeout=_TIMEOUT)
        return [run.info.run_id for run in answer.runs]

    return _query_server(ctx, ids)


def _query_server(ctx: click.Context, query: Callable[[Stubs], list[str]]) -> list[str]:
    """Return the answer of a running server; an empty list if there is none or it is slow."""
    try:
        target = tracking_uri.parse(ctx.params.get("tracking_uri"))
        addresses = target.addresses or (embedded.address(str(target.database)),)
    except (RunstreamError, OSError):
        return []
    for address in addresses:
        with (
            suppress(grpc.RpcError, RunstreamError),
            open_channel(address, target.secure) as channel,
        ):
            return query(Stubs(channel, address, TokenSource()))
    return []
