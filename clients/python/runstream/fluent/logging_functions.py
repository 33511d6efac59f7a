"""The fluent API of logging: functions that log to the active run of the caller's context.

`runstream.fluent.active_runs` starts and ends active runs.
"""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import TypeVar

from runstream import entities
from runstream.calls.metric_points import to_point
from runstream.calls.run_operations import RunOperations
from runstream.contract.metric_numbers import IntegerLike, MetricValue
from runstream.contract.params_and_tags import OnError, Pairs
from runstream.errors import InvalidArgument
from runstream.fluent.active_runs import (
    _active_stack,
    client_and_run_id,
    get_or_start_run,
)
from runstream.fluent.destination import all_clients
from runstream.fluent.run_source import wait_for_source

Setting = TypeVar("Setting")

#: Tag that says what a dataset was used for.
CONTEXT = "mlflow.data.context"


def log_metric(
    key: str,
    value: MetricValue,
    step: IntegerLike | None = 0,
    synchronous: bool | None = None,
    timestamp: IntegerLike | None = None,
    run_id: str | None = None,
    model_id: str | None = None,
) -> RunOperations | None:
    """Log one point of a metric to the active run, starting a run if there is none.

    Returns at once: the point is queued, and on disk at the latest when the run ends or `flush`
    returns. If the server cannot keep up for long, it waits (see `runstream.outbox`).

    Args:
        key: name of the metric, up to 250 characters (M1).
        value: any number that has a double, also as an array or a tensor of one element, or as a
            text; NaN and the infinities are kept (M3).
        step: training step, any 64-bit integer (M2), also as a float.
        synchronous: whether to wait until what was logged to the run is on disk. With False, what
            is returned can wait for it.
        timestamp: milliseconds since the epoch; now, if left out, or a little later, so that of
            points of one step the one logged last is the latest (M5).
        run_id: another run than the active one.
        model_id: the logged model that the point measures. Such a point is on disk when the call
            returns, whatever `synchronous` says.

    Raises:
        InvalidArgument: an argument breaks a rule above.
        NotFound: there is no such model.
        RunstreamError: the server refused something that was logged to the run before.
    """
    if synchronous is not None or run_id is not None or model_id is not None:
        client, run_id = client_and_run_id(run_id)
        if model_id is not None:
            client.log_model_metrics(run_id, model_id, [to_point(key, value, timestamp, step)])
            # Nothing is left to queue; this returns or waits as `synchronous` says.
            return client.log_metrics(run_id, {}, synchronous=synchronous)
        return client.log_metric(run_id, key, value, timestamp, step, synchronous)
    stack = _active_stack.get()
    run = stack[-1] if stack and not stack[-1].is_ended else get_or_start_run()
    run.buffer.log_metric(key, value, step, timestamp)
    return None


def log_metrics(
    metrics: Mapping[str, MetricValue],
    step: IntegerLike | None = 0,
    synchronous: bool | None = None,
    run_id: str | None = None,
    timestamp: IntegerLike | None = None,
    model_id: str | None = None,
    on_error: OnError = "raise",
) -> RunOperations | None:
    """Log one point of each of several metrics; else as `log_metric`.

    Args:
        metrics: values by key.
        step: training step.
        synchronous: whether to wait until they are on disk; see `log_metric`.
        run_id: another run than the active one.
        timestamp: milliseconds since the epoch; now, if left out.
        model_id: the logged model that the points measure; see `log_metric`.
        on_error: `raise`, so that all of them are logged or none; or `skip`, for callbacks of
            training frameworks, which a bad value must not end: what breaks a rule, or was refused
            by the server before, is left out, with one warning for each metric, param or tag in the
            log `runstream`.

    Raises:
        InvalidArgument: a key or value breaks its rule, unless it is skipped; or `on_error` is
            `skip` and a model is named.
        NotFound: there is no such model.
        RunstreamError: the server refused something that was logged before, unless it is skipped.
    """
    if model_id is not None and on_error != "raise":
        raise InvalidArgument(
            "on_error='skip' does not go with model_id: metrics of a model are all logged or none",
            reason="ARGUMENTS_CONFLICT",
            field="on_error",
        )
    client, run_id = client_and_run_id(run_id)
    if model_id is not None:
        # All points get one time, as in a call without a model.
        now = time.time_ns() // 1_000_000 if timestamp is None else timestamp
        points = [to_point(key, value, now, step) for key, value in metrics.items()]
        client.log_model_metrics(run_id, model_id, points)
        metrics = {}
    return client.log_metrics(run_id, metrics, step, timestamp, synchronous, on_error)


def log_columns(
    key: str | Collection[str] | Collection[int],
    value: Collection[MetricValue],
    step: Collection[IntegerLike],
    timestamp: Collection[IntegerLike] | None = None,
    *,
    keys: Sequence[str] | None = None,
    run_id: str | None = None,
) -> None:
    """Log many points at once, in columns, to the active run, starting a run if there is none.

    As in `log_columns("loss", losses, range(len(losses)))`; see `TrackingClient.log_columns`.

    Args:
        key: the metric of all points, or of each; or, with `keys`, the index into `keys` of each.
        value: values (M3).
        step: training steps (M2).
        timestamp: milliseconds since the epoch; now, if left out (M5).
        keys: the distinct metrics, if `key` has indices.
        run_id: another run than the active one.

    Raises:
        InvalidArgument: an argument is no column, or a key or number breaks its rule.
        RunstreamError: the server refused something that was logged to the run before.
    """
    client, run_id = client_and_run_id(run_id)
    client.log_columns(run_id, key, value, step, timestamp, keys=keys)


def log_param(key: str, value: Setting, synchronous: bool | None = None) -> Setting:
    """Log one param and return its value; see `log_params`."""
    log_params({key: value}, synchronous)
    return value


def log_params(
    params: Pairs,
    synchronous: bool | None = None,
    run_id: str | None = None,
    on_error: OnError = "raise",
) -> RunOperations | None:
    """Log params of the active run, starting a run if there is none; returns at once.

    Args:
        params: keys (M1) and values, which are stored as `str(value)`, up to 65,536 characters
            (P2): a mapping, pairs, a namespace of argparse or a dataclass. A tensor of no dimension
            is stored as its element, another array as the list of all its elements, a member of an
            enum as its value if that is a text or a number, else as its name. A param is set once:
            the same value again is fine (P1). `log_config` takes nested ones.
        synchronous: whether to wait until they are on disk; see `log_metric`.
        run_id: another run than the active one.
        on_error: `raise`, or `skip` to leave out what is refused; see `log_metrics`.

    Raises:
        InvalidArgument: a key or value breaks its rule, or this process logged another value.
        RunstreamError: the server refused something that was logged to the run before, such as
            a param that another process had logged.
    """
    client, run_id = client_and_run_id(run_id)
    return client.log_params(run_id, params, synchronous, on_error)


def log_config(config: object, prefix: str = "", run_id: str | None = None) -> str:
    """Log a nested configuration to the active run: each value as a param, the whole as YAML.

    See `TrackingClient.log_config`. A second config of a run needs a prefix of its own: without one
    its file takes the place of the first, and its params are added.

    Args:
        config: a mapping, a namespace of argparse, a dataclass, a model of pydantic, a class of
            attrs or a config of OmegaConf, each of which may be in another.
        prefix: name before all others, as `model` for `model.layers`.
        run_id: another run than the active one.

    Returns:
        The path of the artifact, which is on disk.
    """
    client, run_id = client_and_run_id(run_id)
    return client.log_config(run_id, config, prefix)


def alert(
    title: str,
    text: str = "",
    level: object = "INFO",
    wait_duration: float | timedelta = 60,
) -> None:
    """Raise an alert of the active run, starting a run if there is none; returns at once.

    The interface shows it, and the server tells whom the rules for raised alerts name. As all that
    is logged, it is kept until a server has it, and then stored once.

    Args:
        title: what happened, 1 to 250 characters (N2).
        text: more about it, up to 10,000 characters.
        level: `INFO`, `WARN` or `ERROR`.
        wait_duration: seconds, or a timedelta, for which another alert of this title and run is
            left out.

    Raises:
        InvalidArgument: an argument breaks its rule.
        RunstreamError: the server refused something that was logged to the run before.
    """
    client, run_id = client_and_run_id(None)
    client.alert(run_id, title, text, level, wait_duration)


def set_tag(key: str, value: object, synchronous: bool | None = None) -> RunOperations | None:
    """Set one tag; see `set_tags`."""
    return set_tags({key: value}, synchronous)


def set_tags(
    tags: Pairs, synchronous: bool | None = None, on_error: OnError = "raise"
) -> RunOperations | None:
    """Set tags of the active run, starting a run if there is none; returns at once.

    Args:
        tags: keys (M1) and values, which are stored as `str(value)`, up to 65,536 characters
            (P2), in a form of `log_params`; the last value set is kept (P3).
        synchronous: whether to wait until they are on disk; see `log_metric`.
        on_error: `raise`, or `skip` to leave out what is refused; see `log_metrics`.

    Raises:
        InvalidArgument: a key or value breaks its rule.
        RunstreamError: the server refused something that was logged to the run before.
    """
    client, run_id = client_and_run_id(None)
    return client.set_tags(run_id, tags, synchronous, on_error)


def log_input(
    dataset: entities.Dataset, context: str | None = None, tags: Mapping[str, object] | None = None
) -> None:
    """Record that the active run, started if there is none, read a dataset (P4); returns at once.

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
    datasets: Sequence[entities.Dataset],
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
        inputs.append(entities.DatasetInput(dataset, texts | ({CONTEXT: use} if use else {})))
    get_or_start_run().log_inputs(inputs)


def delete_tag(key: str) -> None:
    """Delete a tag of the active run (P3), in the order of what else is logged; returns at once.

    If there is no such tag, the next call for the run raises NotFound.
    """
    get_or_start_run().delete_tag(key)


def flush(timeout: float | None = None) -> None:
    """Wait until all that this process logged, to any run, is on disk.

    It also waits, up to ten seconds more, for the source of the runs that it started, which is
    stored in the background (K6).

    Args:
        timeout: seconds to wait; as long as it takes, if left out.

    Raises:
        DeadlineExceeded: the time is over; it says how many points have no answer, and they stay
            queued.
        RunstreamError: the server refused something of what was logged.
    """
    end = math.inf if timeout is None else time.monotonic() + timeout
    for client in all_clients():
        client.flush(timeout)
    wait_for_source(max(0.0, end - time.monotonic()))


def flush_async_logging() -> None:
    """Wait until all that this process logged is on disk: MLflow's name of `flush`."""
    flush()
