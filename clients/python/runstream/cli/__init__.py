"""The `runstream` command: its subcommands, and the exit status of each error.

    client_option.py      the option --tracking-uri, and a client for the commands that need one
    selection_options.py  the options that select experiments and runs, and their completion
    age_option.py         lengths of time in options
    output.py             tables and JSON
    *_command.py          a command or a group of commands; logging_commands.py those that log
    runs_comparison.py, runs_export.py, terminal_plot.py  what some of them print

Other packages add commands of theirs by an entry point of the group `runstream.commands`; the
server adds `server` and `db`. A command prints data on stdout, and everything else on stderr.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import click

from runstream.cli.artifacts_command import artifacts
from runstream.cli.audit_command import audit
from runstream.cli.client_option import INTERRUPTED
from runstream.cli.completion_command import completion
from runstream.cli.console_command import console  # noqa: F401 # a command of `runs`
from runstream.cli.experiments_command import experiments
from runstream.cli.export_command import export
from runstream.cli.gc_command import purge
from runstream.cli.grants_command import grants
from runstream.cli.import_aim_command import aim  # noqa: F401 # a command of `import`
from runstream.cli.import_command import imports
from runstream.cli.import_mlflow_command import mlflow  # noqa: F401 # a command of `import`
from runstream.cli.import_neptune_command import neptune  # noqa: F401 # a command of `import`
from runstream.cli.import_runstream_command import runstream  # noqa: F401 # a command of `import`
from runstream.cli.import_tables_command import csv_tables, parquet_tables  # noqa: F401 # commands of `import`
from runstream.cli.import_tensorboard_command import tensorboard  # noqa: F401 # a command of `import`
from runstream.cli.import_trackio_command import trackio  # noqa: F401 # a command of `import`
from runstream.cli.import_wandb_command import wandb  # noqa: F401 # a command of `import`
from runstream.cli.logging_commands import log
from runstream.cli.metrics_command import metrics
from runstream.cli.models_command import models
from runstream.cli.run_command import run
from runstream.cli.runs_command import runs
from runstream.cli.spool_command import spool
from runstream.cli.sync_command import sync
from runstream.cli.tokens_command import tokens
from runstream.cli.ui_command import ui
from runstream.cli.watch_command import watch
from runstream.errors import (
    DeadlineExceeded,
    InvalidArgument,
    NotFound,
    RunstreamError,
    Unavailable,
)

_HELP = """\b
Exit status:
  0    done
  1    refused, failed, or `db check` found a fault
  2    an option, an argument or a value is wrong, or the server cannot start
  3    not found
  4    the server cannot be reached or did not answer in time
  130  interrupted by Ctrl-C

\b
--tracking-uri or RUNSTREAM_TRACKING_URI says where the runs are:
grpc://host:port, grpcs://host:port, unix:path, sqlite:///runs.db or a path;
offline:folder for no server, until `runstream sync` delivers the folder.
"""

_BROKEN_PIPE = 141  # 128 and the number of SIGPIPE


@cache
def _plugin_commands() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group="runstream.commands")}


class _Commands(click.Group):
    """The commands of this and of other packages; the help lists the leaves of all groups."""

    def list_commands(self, _: click.Context) -> list[str]:
        return [*_plugin_commands(), *self.commands]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in self.commands and name in _plugin_commands():
            command: click.Command = _plugin_commands()[name].load()
            return command
        return super().get_command(ctx, name)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments as click does; the error for --tracking-uri says where it belongs."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            if error.option_name != "--tracking-uri":
                raise
            raise click.UsageError(
                "--tracking-uri comes after the command, as in "
                "`runstream runs list --tracking-uri URI`",
                ctx,
            ) from None

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            # The reader, such as `head`, has gone; the rest of the buffer has no reader.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(_BROKEN_PIPE)
        except (RunstreamError, OSError, ModuleNotFoundError) as error:
            click.echo(f"Error: {error}", err=True)
            ctx.exit(_exit_status(error))
        except (KeyboardInterrupt, click.Abort):  # the latter at a question
            click.echo(err=True)
            ctx.exit(INTERRUPTED)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [
            (name, command.get_short_help_str(80))
            for name, command in _list_leaf_commands(ctx, self)
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def _exit_status(error: Exception) -> int:
    match error:
        case InvalidArgument():
            return 2
        case NotFound():
            return 3
        case Unavailable() | DeadlineExceeded():
            return 4
        case _:
            return 1


def _list_leaf_commands(
    ctx: click.Context, group: click.Group, prefix: str = ""
) -> Iterator[tuple[str, click.Command]]:
    for name in group.list_commands(ctx):
        command = group.get_command(ctx, name)
        if isinstance(command, click.Group):
            yield from _list_leaf_commands(ctx, command, f"{prefix}{name} ")
        elif command is not None:
            yield prefix + name, command


@click.group(cls=_Commands, epilog=_HELP, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(
    package_name="runstream", prog_name="runstream", message="%(prog)s %(version)s"
)
def main() -> None:
    """Experiment tracking over gRPC."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # names may be in any alphabet


_COMMANDS = (
    ui,
    experiments,
    runs,
    run,
    log,
    metrics,
    artifacts,
    models,
    watch,
    tokens,
    audit,
    grants,
    imports,
    export,
    sync,
    spool,
    purge,
    completion,
)
for _command in _COMMANDS:
    main.add_command(_command)
