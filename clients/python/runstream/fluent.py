"""The fluent API: functions that log to the run that is active where they are called.

The active runs are a stack per context (`contextvars`), so each thread and each asyncio task has
its own. Where they are logged is in `runstream.experiments`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from typing import SupportsFloat, SupportsIndex

from runstream import context
from runstream.buffer import Pairs
from runstream.client import TrackingClient
from runstream.entities import Dataset, DatasetInput, Run
from runstream.errors import FailedPrecondition, InvalidArgument
from runstream.experiments import chosen_client, chosen_clients, chosen_experiment_id
from runstream.links import print_link
from runstream.run import ActiveRun

#: Tag that says what a dataset was used for.
CONTEXT = "mlflow.data.context"

_stack: ContextVar[tuple[ActiveRun, ...]] = ContextVar("runstream_runs", default=())
_last: ContextVar[ActiveRun | None] = ContextVar("runstream_last_run", default=None)


def start_run(
    run_id: str | None = None,
    experiment_id: str | None = None,
    run_name: str | None = None,
    nested: bool = False,
    parent_run_id: str | None = None,
    tags: Mapping[str, object] | None = None,
    description: str | None = None,
) -> ActiveRun:
    """Start a run, or resume one, and make it the active run of this context.

    It is to be ended by `end_run`, or by using what is returned as a context manager; what is
    still open at the end of the program is ended there (R5). On a terminal and in a notebook, a
    link to its page is printed on stderr, if the server serves the web interface.

    Args:
        run_id: a run to resume, which becomes RUNNING again; a new one, if left out.
        experiment_id: where a new run belongs; the chosen experiment, if left out.
        run_name: name for people; one is generated if left out (R3).
        nested: whether a run may be active already, which becomes the parent of a new run.
        parent_run_id: the parent of a new run, in place of the active one.
        tags: tags to set, besides those that say where the run comes from (R4).
        description: markdown for the run's page, the tag `mlflow.note.content`.

    Raises:
        FailedPrecondition: a run is active and `nested` is not set; or the run, its parent or its
            experiment is deleted.
        NotFound: there is no such run, parent or experiment.
        InvalidArgument: a tag or name breaks its rule, or two arguments contradict each other.
    """
    stack = _open_runs()
    if stack and stack[-1].is_ours and not nested:
        active_id = stack[-1].info.run_id
        raise FailedPrecondition(
            f"Run with id={active_id} is already active. End it with runstream.end_run(), "
            "or start a nested run with nested=True",
            reason="RUN_ALREADY_ACTIVE",
            run_id=active_id,
        )
    client = chosen_client()
    given = _given_tags(tags, description)
    if run_id is not None:
        run = _resume(client, run_id, experiment_id, run_name, given)
    else:
        if parent_run_id is not None:
            _check_parent(client, parent_run_id)
        elif nested and stack:
            parent_run_id = stack[-1].info.run_id
        described = context.tags()
        if parent_run_id is not None:
            described["mlflow.parentRunId"] = parent_run_id
        described.update(given)
        run = client.create_run(
            experiment_id or chosen_experiment_id(),
            run_name=run_name,
            tags=described,
            user_id=described.get("mlflow.user"),
            heartbeat=True,
        )
    active = ActiveRun(client, run)
    _stack.set((*stack, active))
    _last.set(active)
    print_link(client, run.info)
    return active


def end_run(status: str = "FINISHED") -> None:
    """End the active run, if there is one, once all that was logged to it is on disk.

    Args:
        status: `FINISHED`, `FAILED` or `KILLED`.

    Raises:
        RunstreamError: the server refused something of what was logged; the run has ended.
    """
    stack = _open_runs()
    if stack:
        stack[-1].end(status)


def active_run() -> ActiveRun | None:
    """Return the run that is active in this context."""
    stack = _open_runs()
    return stack[-1] if stack else None


def last_active_run() -> Run | None:
    """Return the run that was started last in this context, as it is now."""
    last = _last.get()
    return None if last is None else last.read()


def get_run(run_id: str) -> Run:
    """Return a run with all that was logged to it before; see `TrackingClient.get_run`."""
    return chosen_client().get_run(run_id)


def delete_run(run_id: str, with_children: bool = False) -> None:
    """Delete a run; it can be restored (R2). See `TrackingClient.delete_run`."""
    chosen_client().delete_run(run_id, with_children)


def restore_run(run_id: str) -> None:
    """Restore a deleted run (R2); see `TrackingClient.restore_run`."""
    chosen_client().restore_run(run_id)


def get_parent_run(run_id: str) -> Run | None:
    """Return the parent of a run, None if it has none; raises NotFound."""
    client = chosen_client()
    parent = client.get_run(run_id).data.tags.get("mlflow.parentRunId")
    return None if parent is None else client.get_run(parent)


def log_metric(
    key: str,
    value: SupportsFloat,
    step: SupportsIndex | None = 0,
    timestamp: SupportsIndex | None = None,
) -> None:
    """Log one point of a metric to the active run, starting a run if there is none.

    Returns at once: the point is queued, and on disk at the latest when the run ends or `flush`
    returns. If the server cannot keep up for long, it waits (see `runstream.outbox`).

    Args:
        key: name of the metric, up to 250 characters (M1).
        value: any number that has a double; NaN and the infinities are kept (M3).
        step: training step, any 64-bit integer (M2).
        timestamp: milliseconds since the epoch; now, if left out, or a little later, so that of
            points of one step the one logged last is the latest (M5).

    Raises:
        InvalidArgument: an argument breaks a rule above.
        RunstreamError: the server refused something that was logged to the run before.
    """
    stack = _stack.get()
    run = stack[-1] if stack and not stack[-1].ended else _active()
    run.log_metric(key, value, step, timestamp)


def log_metrics(
    metrics: Mapping[str, SupportsFloat],
    step: SupportsIndex | None = 0,
    timestamp: SupportsIndex | None = None,
) -> None:
    """Log one point of each of several metrics, all of them or none; else as `log_metric`."""
    _active().log_metrics(metrics, step, timestamp)


def log_param(key: str, value: object) -> None:
    """Log one param; see `log_params`."""
    _active().log_param(key, value)


def log_params(params: Pairs) -> None:
    """Log params of the active run, starting a run if there is none; returns at once.

    Args:
        params: keys (M1) and values, which are stored as `str(value)`, up to 65,536 characters
            (P2). A param is set once: the same value again is fine (P1).

    Raises:
        InvalidArgument: a key or value breaks its rule, or this process logged another value.
        RunstreamError: the server refused something that was logged to the run before, such as
            a param that another process had logged.
    """
    _active().log_params(params)


def set_tag(key: str, value: object) -> None:
    """Set one tag; see `set_tags`."""
    _active().set_tag(key, value)


def set_tags(tags: Pairs) -> None:
    """Set tags of the active run, starting a run if there is none; returns at once.

    Args:
        tags: keys (M1) and values, which are stored as `str(value)`, up to 65,536 characters
            (P2); the last value set stands (P3).

    Raises:
        InvalidArgument: a key or value breaks its rule.
        RunstreamError: the server refused something that was logged to the run before.
    """
    _active().set_tags(tags)


def log_input(
    dataset: Dataset, context: str | None = None, tags: Mapping[str, object] | None = None
) -> None:
    """Record that the active run, started if there is none, read a dataset (P4).

    Args:
        dataset: such as `runstream.data.from_pandas` makes.
        context: what it was used for, such as `training`: the tag `mlflow.data.context`.
        tags: further tags of this use.

    Raises:
        InvalidArgument: a field breaks its rule.
        ResourceExhausted: the dataset takes more than 4 MiB.
    """
    log_inputs([dataset], [context], [tags])


def log_inputs(
    datasets: Sequence[Dataset],
    contexts: Sequence[str | None] | None = None,
    tags_list: Sequence[Mapping[str, object] | None] | None = None,
) -> None:
    """Record several datasets at once, all of them or none; else as `log_input`.

    Args:
        datasets: the datasets.
        contexts: the context of each.
        tags_list: the tags of each.

    Raises:
        InvalidArgument: the lists differ in length, or a field breaks its rule.
        ResourceExhausted: they take more than 4 MiB.
    """
    contexts = contexts or [None] * len(datasets)
    tags_list = tags_list or [None] * len(datasets)
    if not len(datasets) == len(contexts) == len(tags_list):
        raise InvalidArgument(
            f"there are {len(datasets)} datasets, {len(contexts)} contexts and "
            f"{len(tags_list)} lists of tags",
            reason="ARGUMENTS_CONFLICT",
            field="contexts",
        )
    inputs = []
    for dataset, use, tags in zip(datasets, contexts, tags_list, strict=True):
        texts = {key: str(value) for key, value in (tags or {}).items()}
        inputs.append(DatasetInput(dataset, texts | ({CONTEXT: use} if use else {})))
    _active().log_inputs(inputs)


def delete_tag(key: str) -> None:
    """Delete a tag of the active run, on disk when it returns (P3); raises NotFound."""
    _active().delete_tag(key)


def flush(timeout: float | None = None) -> None:
    """Wait until all that this process logged, to any run, is on disk.

    Args:
        timeout: seconds to wait; as long as it takes, if left out.

    Raises:
        DeadlineExceeded: the time is over; it says how many points have no answer, and they stay
            queued.
        RunstreamError: the server refused something of what was logged.
    """
    for client in chosen_clients():
        client.flush(timeout)


def _active() -> ActiveRun:
    stack = _open_runs()
    return stack[-1] if stack else start_run()


def _open_runs() -> tuple[ActiveRun, ...]:
    """Return the stack without the runs that ended, here or in another thread."""
    stack = _stack.get()
    if stack and stack[-1].ended:
        stack = tuple(run for run in stack if not run.ended)
        _stack.set(stack)
    return stack


def _given_tags(tags: Mapping[str, object] | None, description: str | None) -> dict[str, str]:
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


def _resume(
    client: TrackingClient,
    run_id: str,
    experiment_id: str | None,
    run_name: str | None,
    tags: dict[str, str],
) -> Run:
    run = client.get_run(run_id)
    if experiment_id is not None and experiment_id != run.info.experiment_id:
        raise InvalidArgument(
            f"run {run_id} belongs to experiment {run.info.experiment_id}, not {experiment_id}",
            reason="ARGUMENTS_CONFLICT",
            field="experiment_id",
            run_id=run_id,
        )
    client.update_run(run_id, status="RUNNING", name=run_name, heartbeat=True)
    if tags:
        client.log(run_id, tags=tags)
    return client.get_run(run_id)


def _check_parent(client: TrackingClient, parent_run_id: str) -> None:
    parent = client.get_run(parent_run_id)
    if parent.info.lifecycle_stage != "active":
        raise FailedPrecondition(
            f"the parent run {parent_run_id} is deleted; it must be in the active state",
            reason="RUN_DELETED",
            run_id=parent_run_id,
        )
