"""Scores and metrics of a model that a program computes after its training.

They are logged to the run of the training, as MLflow calls them:
`{metric}[-{call}]_{variable of the data}`, such as `accuracy_score_X_test`. A metric belongs to a
model if one of its arguments is the very object that the model has returned as a prediction.

Models, predictions and data are held weakly: nothing lives longer for our sake.
"""

from __future__ import annotations

import inspect
import json
import numbers
import sys
import time
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from types import FrameType
from typing import Any

from runstream.autologging.datasets import describe
from runstream.autologging.guard import Guard
from runstream.autologging.sklearn.settings import SklearnSettings
from runstream.entities import DatasetInput
from runstream.fluent.logging_functions import CONTEXT
from runstream.fluent.run_handle import ActiveRun

#: Scores and metrics that are logged of one training at most.
MAX_CALLS = 1_000

# Frames of the program that are searched for the name of a variable.
_MAX_FRAMES = 50

# Characters of a text among the arguments in `metric_info.json`.
_TEXT_CHARACTERS = 32

#: Notes a call that has returned: settings, function, arguments, keywords and result.
Note = Callable[
    [SklearnSettings, Callable[..., Any], tuple[Any, ...], Mapping[str, Any], Any], None
]


@dataclass
class Trained:
    """A training whose model may be evaluated.

    Attributes:
        run: its run.
        model_id: the stored model.
        calls: how often each metric was logged.
        data: ids of the objects of each variable that the model was evaluated with.
        commands: the call behind each metric that was logged.
    """

    run: ActiveRun
    model_id: str | None
    calls: dict[str, int] = field(default_factory=dict)
    data: dict[str, list[int]] = field(default_factory=dict)
    commands: dict[str, str] = field(default_factory=dict)


@dataclass
class _Prediction:
    trained: Trained
    data: Callable[[], Any]  # a weak reference
    variable: str


class _WeakMap:
    """Values by the identity of objects, for as long as the objects live."""

    def __init__(self) -> None:
        self._values: dict[int, tuple[weakref.ref[Any], Any]] = {}

    def __bool__(self) -> bool:
        return bool(self._values)

    def put(self, key: Any, value: Any) -> None:
        number = id(key)
        try:
            self._values[number] = (weakref.ref(key, lambda _: self._forget(number)), value)
        except TypeError:  # a list has no weak references
            return

    def get(self, key: Any) -> Any:
        reference, value = self._values.get(id(key), (None, None))
        return value if reference is not None and reference() is key else None

    def _forget(self, number: int) -> None:
        self._values.pop(number, None)


_models = _WeakMap()
_predictions = _WeakMap()


def has_models() -> bool:
    """Return whether a model that was trained lives, so that there is something to note."""
    return bool(_models)


def remember(model: Any, run: ActiveRun, model_id: str | None) -> None:
    """Log later scores and metrics of a model to the run of its training."""
    _models.put(model, Trained(run, model_id))


def note_prediction(
    _settings: SklearnSettings,
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    result: Any,
) -> None:
    """Remember which model has returned a prediction, and for which data."""
    trained = _models.get(args[0]) if args else None
    if trained is not None:
        data = _first_argument(function, args, kwargs)
        _predictions.put(result, _Prediction(trained, _weak(data), _variable_name(data)))


def log_score(
    settings: SklearnSettings,
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    result: Any,
) -> None:
    """Log what the method `score` of a model has returned."""
    trained = _models.get(args[0]) if args else None
    if trained is not None:
        name = type(args[0]).__name__
        data = _first_argument(function, args, kwargs)
        command = f"{name}.{_command(function, args, kwargs, skip=1)}"
        _log(settings, trained, f"{name}_score", data, _variable_name(data), command, result)


def log_metric(
    settings: SklearnSettings,
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    result: Any,
) -> None:
    """Log what a function of `sklearn.metrics` has returned for a prediction."""
    for value in (*args, *kwargs.values()):
        prediction = _predictions.get(value)
        if prediction is not None:
            command = _command(function, args, kwargs)
            data, name = prediction.data(), prediction.variable
            _log(settings, prediction.trained, function.__name__, data, name, command, result)
            return


def log_scorer(
    settings: SklearnSettings,
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    result: Any,
) -> None:
    """Log what a scorer, such as `get_scorer("r2")`, has returned for a model and data."""
    arguments = inspect.signature(function).bind(*args, **kwargs).arguments
    trained = _models.get(arguments.get("estimator"))
    if trained is not None:
        data = arguments.get("X")
        name = args[0]._score_func.__name__
        command = f"{name}({_variable_name(data)})"
        _log(settings, trained, name, data, _variable_name(data), command, result)


def _log(
    settings: SklearnSettings,
    trained: Trained,
    metric: str,
    data: Any,
    variable: str,
    command: str,
    value: Any,
) -> None:
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        return
    if len(trained.commands) >= MAX_CALLS:
        return
    key = (
        f"{_numbered(metric, _count(trained.calls, metric))}_{_data_name(trained, variable, data)}"
    )
    trained.commands[key] = command
    guard = Guard("sklearn", settings.silent)
    run, model_id = trained.run, trained.model_id
    dataset = describe(data) if settings.log_datasets else None
    if model_id is None:
        run.buffer.log_metrics({key: float(value)}, 0, None)
    commands = json.dumps(dict(sorted(trained.commands.items())), indent=2)

    now = time.time_ns() // 1_000_000

    def deliver() -> None:
        client = run.client
        if model_id is not None:
            measured = None if dataset is None else (dataset.name, dataset.digest)
            client.log_model_metrics(run.run_id, model_id, [(key, float(value), now, 0)], measured)
        if dataset is not None:
            client.log_inputs(run.run_id, [DatasetInput(dataset, {CONTEXT: "eval"})])
        client.log_text(run.run_id, commands, "metric_info.json")

    run.client.defer([run.run_id], partial(guard.attempt_later, deliver))


def _count(calls: dict[str, int], metric: str) -> int:
    calls[metric] = calls.get(metric, 0) + 1
    return calls[metric]


def _data_name(trained: Trained, variable: str, data: Any) -> str:
    known = trained.data.setdefault(variable, [])
    if id(data) not in known:
        known.append(id(data))
    return _numbered(variable, known.index(id(data)) + 1)


def _numbered(name: str, number: int) -> str:
    return name if number == 1 else f"{name}-{number}"


def _first_argument(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> Any:
    if len(args) > 1:
        return args[1]
    return kwargs.get(list(inspect.signature(function).parameters)[1])


def _weak(value: Any) -> Callable[[], Any]:
    try:
        return weakref.ref(value)
    except TypeError:
        return lambda: None


def _command(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], skip: int = 0
) -> str:
    """Return a call as it could stand in the program."""
    names = list(inspect.signature(function).parameters)
    given = [*zip(names, args, strict=False)][skip:] + list(kwargs.items())
    arguments = ", ".join(f"{name}={_argument_text(value)}" for name, value in given)
    return f"{function.__name__}({arguments})"


def _argument_text(value: Any) -> str:
    if isinstance(value, str) and len(value) > _TEXT_CHARACTERS:
        return repr(f"{value[:_TEXT_CHARACTERS]}...")
    if value is None or isinstance(value, (str, bool, numbers.Number)):
        return repr(value)
    return _variable_name(value, f"<{type(value).__name__}>")


def _variable_name(value: Any, otherwise: str = "unknown_dataset") -> str:
    """Return the name of the variable of the program that is a value.

    If several functions that are under way have one, it is that of the outermost; a global variable
    of the innermost, if none has.
    """
    found: str | None = None
    global_names: Mapping[str, Any] = {}
    frame: FrameType | None = sys._getframe(1)
    for _ in range(_MAX_FRAMES):
        if frame is None:
            break
        if not frame.f_globals.get("__name__", "").startswith("runstream."):
            global_names = global_names or frame.f_globals
            found = _find_name(value, frame.f_locals) or found
        frame = frame.f_back
    return found or _find_name(value, global_names) or otherwise


def _find_name(value: Any, names: Mapping[str, Any]) -> str | None:
    found = (name for name, there in list(names.items()) if there is value)
    return next((name for name in found if not name.startswith("_")), None)
