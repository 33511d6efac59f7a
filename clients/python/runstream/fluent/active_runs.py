"""The active runs of a context: functions that start, resume and end them.

Each context (`contextvars`) has a stack of active runs, so each thread and each asyncio task has
its own. `runstream.fluent.destination` knows where runs are logged. Calls about a run go to the
server on which the run was started (R7).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from functools import partial

from runstream import entities
from runstream.calls.client import TrackingClient
from runstream.contract.run_batches import ExperimentChoice
from runstream.errors import FailedPrecondition, InvalidArgument
from runstream.fluent.destination import (
    current_client,
    current_experiment,
)
from runstream.fluent.notebook_cells import end_runs_of_failed_cells, watch_cells
from runstream.fluent.run_clients import client_for_run
from runstream.fluent.run_console import start_capture
from runstream.fluent.run_handle import ActiveRun, open_runs
from runstream.fluent.run_link import print_link
from runstream.fluent.run_resumption import (
    check_chosen_experiment,
    find_parent_experiment,
    resume,
    take_run_from_environment,
)
from runstream.fluent.run_source import record_source
from runstream.fluent.run_start import create_run
from runstream.fluent.run_system_metrics import start_system_metrics, wants_system_metrics
from runstream.process.source_tags import find_source_tags

_active_stack: ContextVar[tuple[ActiveRun, ...]] = ContextVar("runstream_runs", default=())

log = logging.getLogger("runstream")

# The run that any thread started last.
_last_started: ActiveRun | None = None

# Whether the log has warned of a run that a thread or task started by logging without a run.
_has_warned_of_context = False


def start_run(
    run_id: str | None = None,
    experiment_id: str | None = None,
    run_name: str | None = None,
    nested: bool = False,
    parent_run_id: str | None = None,
    tags: Mapping[str, object] | None = None,
    description: str | None = None,
    log_system_metrics: bool | None = None,
    capture_output: bool = False,
) -> ActiveRun:
    """Start a run, or resume one, and make it the active run of this context.

    It is to be ended by `end_run`, or by using what is returned as a context manager; what is
    still open at the end of the program is ended there (R5). On a terminal and in a notebook, a
    link to its page is printed on stderr, if the server serves the web interface. If an interrupt
    ends this call, the run is ended, too (R9). While the server is reachable, this waits for its
    answer. While it is away, the run starts all the same, with one warning: what is logged is kept
    and sent later, and if the server refuses the start then, the next call for the run raises that.
    In a notebook, a run that was open when a cell
    failed is ended first, as FAILED or KILLED, unless `nested` is set (K9).

    Args:
        run_id: a run to resume, which becomes RUNNING again; that of RUNSTREAM_RUN_ID or else
            MLFLOW_RUN_ID, each of which is used once, or else a new one, if left out.
        experiment_id: where a new run belongs; the chosen experiment, if left out.
        run_name: name for people; one is generated if left out (R3).
        nested: whether a run may be active already, which becomes the parent of a new run, on
            the same server.
        parent_run_id: the parent of a new run, in place of the active one.
        tags: tags to set, besides those that say where the run comes from (R4).
        description: markdown for the run's page, the tag `mlflow.note.content`.
        log_system_metrics: whether to log what processor, memory, disk, network, GPUs and this
            process do, every 10 seconds until the run ends, as metrics `system/...` (with psutil);
            what `enable_system_metrics_logging` or RUNSTREAM_SYSTEM_METRICS says, if left out.
        capture_output: whether what this process and its children write to stdout and stderr is
            kept with the run, until it ends (C3); `TrackingClient.read_console` reads it.

    Raises:
        FailedPrecondition: a run is active and `nested` is not set; or the run, its parent or its
            experiment is deleted.
        NotFound: there is no such run, parent or experiment.
        InvalidArgument: a tag or name breaks its rule, or two arguments contradict each other; or
            the run of the environment is of another experiment than `set_experiment` chose.
        ModuleNotFoundError: `log_system_metrics` is set, and psutil is not installed.
    """
    stack = _drop_ended_runs()
    if stack and not nested:
        end_runs_of_failed_cells(stack)
        stack = _drop_ended_runs()
    if stack and stack[-1].is_started_here and not nested:
        active_id = stack[-1].info.run_id
        raise FailedPrecondition(
            f"Run with id={active_id} is already active. End it with runstream.end_run(), "
            "or start a nested run with nested=True",
            reason="RUN_ALREADY_ACTIVE",
            run_id=active_id,
        )
    given = _merge_description(tags, description)
    activate = partial(
        _activate,
        log_system_metrics=wants_system_metrics(log_system_metrics),
        capture_output=capture_output,
    )
    parent = stack[-1] if nested and stack else None
    if run_id:
        return resume(activate, run_id, experiment_id, run_name, given)
    if parent_run_id is not None:
        client = client_for_run(parent_run_id)
        found = find_parent_experiment(client, parent_run_id)
        return _create(activate, client, parent_run_id, found, experiment_id, run_name, given)
    if parent is not None:
        of_parent = parent.client, parent.run_id, parent.experiment
        return _create(activate, *of_parent, experiment_id, run_name, given)
    with take_run_from_environment() as (run_id, start):
        if run_id:
            if start is None:
                check_chosen_experiment(run_id)
            return resume(activate, run_id, experiment_id, run_name, given, start)
        nothing = ExperimentChoice()
        return _create(activate, current_client(), None, nothing, experiment_id, run_name, given)


def end_run(status: str = "FINISHED") -> None:
    """End the active run, if there is one, after all that was logged to it.

    Returns at once: what was logged, and the end, is on the server when `flush` has returned, or
    when the run is read.

    Args:
        status: `FINISHED`, `FAILED` or `KILLED`.

    Raises:
        RunstreamError: as `ActiveRun.end`.
    """
    stack = _drop_ended_runs()
    if stack:
        stack[-1].end(status)


def active_run() -> ActiveRun | None:
    """Return the run that is active in this context."""
    stack = _drop_ended_runs()
    return stack[-1] if stack else None


def last_active_run() -> entities.Run | None:
    """Return the run that this process started last, in any thread, as it is now."""
    return None if _last_started is None else _last_started.read()


def make_last_active(run: ActiveRun) -> None:
    """Let `last_active_run` return a run, though others were started after it."""
    global _last_started
    _last_started = run


def active_run_id() -> str:
    """Return the id of the active run; raises InvalidArgument if there is none."""
    run = active_run()
    if run is None:
        raise InvalidArgument(
            "Missing value for required parameter 'run_id': no run is active",
            reason="FIELD_MISSING",
            field="run_id",
        )
    return run.run_id


def get_or_start_run() -> ActiveRun:
    """Return the run that is active in this context, starting one if there is none."""
    return active_run() or _start_run_implicitly()


def client_and_run_id(run_id: str | None) -> tuple[TrackingClient, str]:
    """Return the client for a run and its id; the active run, or a new one, if none is named."""
    if run_id is not None:
        return client_for_run(run_id), run_id
    run = get_or_start_run()
    return run.client, run.info.run_id


def _start_run_implicitly() -> ActiveRun:
    global _has_warned_of_context
    elsewhere = [run for run in open_runs() if run.is_started_here]  # the first started first
    run = start_run()
    if elsewhere and not _has_warned_of_context:
        _has_warned_of_context = True
        log.warning(
            "run %s was started because no run is active in this thread or task, which has active "
            "runs of its own; run %s is active elsewhere. To log to it, call the methods of what "
            "its start_run returned; to start a child of it here, "
            "start_run(nested=True, parent_run_id=...)",
            run.info.run_id,
            elsewhere[0].info.run_id,
        )
    return run


def _drop_ended_runs() -> tuple[ActiveRun, ...]:
    """Return the stack without the runs that have ended, here or in another thread."""
    stack = _active_stack.get()
    if stack and stack[-1].is_ended:
        stack = tuple(run for run in stack if not run.is_ended)
        _active_stack.set(stack)
    return stack


def _merge_description(
    tags: Mapping[str, object] | None, description: str | None
) -> dict[str, str]:
    given = {key: str(value) for key, value in (tags or {}).items()}
    if description is not None:
        if given.get("mlflow.note.content", description) != description:
            raise InvalidArgument(
                "description and the tag mlflow.note.content differ",
                reason="ARGUMENTS_CONFLICT",
                field="description",
            )
        given["mlflow.note.content"] = description
    return given


def _create(
    activate: Callable[..., None],
    client: TrackingClient,
    parent_run_id: str | None,
    parent_experiment: ExperimentChoice,
    experiment_id: str | None,
    run_name: str | None,
    tags: dict[str, str],
) -> ActiveRun:
    all_tags = find_source_tags()
    experiment = ExperimentChoice(experiment_id) if experiment_id else current_experiment()
    if parent_run_id is not None:
        all_tags["mlflow.parentRunId"] = parent_run_id
        # The chosen experiment is one of another server.
        if client is not current_client() and not experiment_id and any(parent_experiment):
            experiment = parent_experiment
    all_tags.update(tags)
    return create_run(
        client,
        experiment,
        all_tags,
        run_name,
        partial(activate, is_resumed=False, has_parent=parent_run_id is not None),
    )


def _activate(
    active: ActiveRun,
    *,
    is_resumed: bool,
    has_parent: bool,
    log_system_metrics: bool,
    capture_output: bool,
) -> None:
    global _last_started
    _active_stack.set((*_drop_ended_runs(), active))
    _last_started = active
    if not has_parent:  # whose source is its parent's
        record_source(active.client, active.run_id, is_resumed=is_resumed)
    if log_system_metrics:
        start_system_metrics(active, is_resumed=is_resumed)
    if capture_output:
        start_capture(active)
    watch_cells()
    print_link(active)
