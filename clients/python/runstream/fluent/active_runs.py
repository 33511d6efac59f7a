"""The active runs of a context: functions that start, resume and end them.

Each context (`contextvars`) has a stack of active runs, so each thread and each asyncio task has
its own. `runstream.fluent.destination` knows where runs are logged. Calls about a run go to the
server on which the run was started (R7).
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial

from runstream import rules
from runstream.calls.client import TrackingClient
from runstream.entities import Run, RunInfo
from runstream.errors import FailedPrecondition, InvalidArgument
from runstream.fluent.destination import (
    chosen_experiment,
    current_client,
    current_experiment_id,
)
from runstream.fluent.notebook_cells import end_runs_of_failed_cells, watch_cells
from runstream.fluent.run_console import start_capture
from runstream.fluent.run_handle import ActiveRun, open_run, open_runs
from runstream.fluent.run_link import print_link
from runstream.fluent.run_source import record_source
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
    ends this call, the run is ended, too (R9). In a notebook, a run that was open when a cell
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
        return _resume(activate, run_id, experiment_id, run_name, given)
    if parent_run_id is not None:
        client = client_for_run(parent_run_id)
        info = _get_active_parent(client, parent_run_id).info
        return _create(activate, client, info, experiment_id, run_name, given)
    if parent is not None:
        return _create(activate, parent.client, parent.info, experiment_id, run_name, given)
    with _take_run_id_from_environment() as run_id:
        if run_id:
            _check_chosen_experiment(run_id)
            return _resume(activate, run_id, experiment_id, run_name, given)
        return _create(activate, current_client(), None, experiment_id, run_name, given)


def end_run(status: str = "FINISHED") -> None:
    """End the active run, if there is one, once all that was logged to it is on disk.

    Args:
        status: `FINISHED`, `FAILED` or `KILLED`.

    Raises:
        DeadlineExceeded, Unavailable: not all could be delivered; the run has not ended, and the
            call can be repeated.
        RunstreamError: the server refused something of what was logged; the run has ended.
    """
    stack = _drop_ended_runs()
    if stack:
        stack[-1].end(status)


def active_run() -> ActiveRun | None:
    """Return the run that is active in this context."""
    stack = _drop_ended_runs()
    return stack[-1] if stack else None


def last_active_run() -> Run | None:
    """Return the run that this process started last, in any thread, as it is now."""
    return None if _last_started is None else _last_started.read()


def make_last_active(run: ActiveRun) -> None:
    """Let `last_active_run` return a run, though others were started after it."""
    global _last_started
    _last_started = run


def client_for_run(run_id: str) -> TrackingClient:
    """Return the client of the server of a run: its own, if it is open here, or the chosen one."""
    run = open_run(run_id)
    return current_client() if run is None else run.client


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
    elsewhere = [run for run in open_runs() if run.is_started_here]
    run = start_run()
    if elsewhere and not _has_warned_of_context:
        _has_warned_of_context = True
        log.warning(
            "run %s was started because no run is active in this thread or task, which has active "
            "runs of its own; run %s is active elsewhere. To log to it, call the methods of what "
            "its start_run returned; to start a child of it here, "
            "start_run(nested=True, parent_run_id=...)",
            run.info.run_id,
            elsewhere[-1].info.run_id,
        )
    return run


@contextmanager
def _take_run_id_from_environment() -> Iterator[str]:
    """Yield the run that the environment names, "" if none, and unset it unless the start fails."""
    named = {name: os.environ.pop(name, "") for name in ("RUNSTREAM_RUN_ID", "MLFLOW_RUN_ID")}
    try:
        yield next(filter(None, named.values()), "")
    except BaseException:
        os.environ.update({name: run_id for name, run_id in named.items() if run_id})
        raise


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
    activate: Callable[..., ActiveRun],
    client: TrackingClient,
    parent: RunInfo | None,
    experiment_id: str | None,
    run_name: str | None,
    tags: dict[str, str],
) -> ActiveRun:
    all_tags = find_source_tags()
    if parent is not None:
        all_tags["mlflow.parentRunId"] = parent.run_id
        if client is not current_client():  # the chosen experiment is one of another server
            experiment_id = experiment_id or parent.experiment_id
    all_tags.update(tags)
    return client.start_run(
        partial(activate, client, is_resumed=False, has_parent=parent is not None),
        experiment_id or current_experiment_id(),
        all_tags,
        run_name,
        all_tags.get("mlflow.user"),
    )


def _resume(
    activate: Callable[..., ActiveRun],
    run_id: str,
    experiment_id: str | None,
    run_name: str | None,
    tags: dict[str, str],
) -> ActiveRun:
    _check_resumable_id(run_id)
    client = client_for_run(run_id)
    run = client.get_run(run_id)
    if experiment_id is not None and str(experiment_id) != run.info.experiment_id:
        raise InvalidArgument(
            f"run {run_id} belongs to experiment {run.info.experiment_id}, not {experiment_id}",
            reason="ARGUMENTS_CONFLICT",
            field="experiment_id",
            run_id=run_id,
        )
    if tags:
        client.log(run_id, tags=tags)
    has_parent = "mlflow.parentRunId" in run.data.tags
    begin = partial(activate, client, is_resumed=True, has_parent=has_parent)
    return client.resume_run(begin, run_id, run_name)


def _check_chosen_experiment(run_id: str) -> None:
    """Raise InvalidArgument if `set_experiment` chose another than that of a launched run."""
    chosen = chosen_experiment()
    if chosen is None:
        return
    client = client_for_run(run_id)
    experiment_id = client.get_run(run_id).info.experiment_id
    if experiment_id != chosen.experiment_id:
        name = client.get_experiment(experiment_id).name
        raise InvalidArgument(
            f"run {run_id}, which RUNSTREAM_RUN_ID names, belongs to experiment {name!r}, but "
            f"set_experiment chose {chosen.name!r}: start the program with --experiment-name "
            f"{chosen.name!r}, or leave set_experiment out",
            reason="ARGUMENTS_CONFLICT",
            field="experiment_id",
            run_id=run_id,
        )


def _check_resumable_id(run_id: str) -> None:
    try:
        rules.check_run_id("run_id", run_id)
    except InvalidArgument as error:
        raise InvalidArgument(
            f"{error}; start_run(run_name={run_id!r}) starts a new run of this name",
            reason=error.reason,
            field="run_id",
            value=run_id,
            limit=error.metadata["limit"],
        ) from None


def _activate(
    client: TrackingClient,
    info: RunInfo,
    *,
    is_resumed: bool,
    has_parent: bool,
    log_system_metrics: bool,
    capture_output: bool,
) -> ActiveRun:
    global _last_started
    active = ActiveRun(client, info)
    _active_stack.set((*_drop_ended_runs(), active))
    _last_started = active
    if not has_parent:  # whose source is its parent's
        record_source(client, info.run_id, is_resumed=is_resumed)
    if log_system_metrics:
        start_system_metrics(active, is_resumed=is_resumed)
    if capture_output:
        start_capture(active)
    watch_cells()
    print_link(client, info)
    return active


def _get_active_parent(client: TrackingClient, parent_run_id: str) -> Run:
    parent = client.get_run(parent_run_id)
    if parent.info.lifecycle_stage != "active":
        raise FailedPrecondition(
            f"the parent run {parent_run_id} is deleted; it must be in the active state",
            reason="RUN_DELETED",
            run_id=parent_run_id,
        )
    return parent
