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
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from types import ModuleType
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

from runstream.autologging.callers import is_within_sklearn
from runstream.autologging.datasets import describe
from runstream.autologging.guard import Guard
from runstream.autologging.library import Library
from runstream.autologging.observed_call import Call, variable_name
from runstream.autologging.training import Training, current_training, is_off, within
from runstream.entities import DatasetInput
from runstream.fluent.logging_functions import CONTEXT
from runstream.fluent.run_handle import ActiveRun

T = TypeVar("T")

#: Scores and metrics of models that are logged of one run at most.
MAX_CALLS = 1_000

# Methods whose results metrics are computed from.
_PREDICTING = ("predict", "predict_proba", "predict_log_proba", "decision_function", "transform")

# What `sklearn.metrics` has besides metrics.
_NO_METRICS = ("check_scoring", "get_scorer", "get_scorer_names", "make_scorer")


@dataclass
class Evaluations:
    """What was computed of the models of one run.

    Attributes:
        calls: how often each metric was logged.
        data: ids of the objects of each variable that a model was evaluated with.
        commands: the call behind each metric that was logged.
    """

    calls: dict[str, int] = field(default_factory=dict)
    data: dict[str, list[int]] = field(default_factory=dict)
    commands: dict[str, str] = field(default_factory=dict)


@dataclass
class Trained:
    """A training whose model may be evaluated.

    Attributes:
        library: the library of the model.
        guard: that of the training, so that the model waits for no server longer than one training.
        run: its run.
        model_id: the stored model.
        evaluations: those of its run, which may have other models.
    """

    library: Library[Any]
    guard: Guard
    run: ActiveRun
    model_id: str | None
    evaluations: Evaluations


@dataclass
class _Prediction:
    trained: Trained
    data: Callable[[], Any]  # a weak reference
    variable: str


class _WeakMap(Generic[T]):
    """Values by the identity of objects, for as long as the objects live."""

    def __init__(self) -> None:
        self._values: dict[int, tuple[weakref.ref[Any], T]] = {}

    def __bool__(self) -> bool:
        return bool(self._values)

    def put(self, key: Any, value: T) -> None:
        number = id(key)
        try:
            self._values[number] = (weakref.ref(key, lambda _: self._forget(number)), value)
        except TypeError:  # a list has no weak references
            return

    def get(self, key: Any) -> T | None:
        reference, value = self._values.get(id(key), (None, None))
        return value if reference is not None and reference() is key else None

    def _forget(self, number: int) -> None:
        self._values.pop(number, None)


_models: _WeakMap[Trained] = _WeakMap()
_predictions: _WeakMap[_Prediction] = _WeakMap()
_evaluations: WeakKeyDictionary[ActiveRun, Evaluations] = WeakKeyDictionary()


def remember(library: Library[Any], training: Training[Any]) -> None:
    """Log later scores and metrics of the model of a training to the run of the training."""
    evaluations = _evaluations.setdefault(training.run, Evaluations())
    trained = Trained(library, training.guard, training.run, training.model_id, evaluations)
    _models.put(training.instance, trained)


# What is observed


def observe_models(library: Library[Any], model_class: type) -> None:
    """Observe what models of a class predict, and their scores.

    The methods are replaced in the class that defines them, which may be a mixin.
    """
    for owner, name in own_methods(model_class, _PREDICTING):
        library.wrap(owner, name, _observe(_find_model, _note_prediction))
    for owner, name in own_methods(model_class, ("score",)):
        library.wrap(owner, name, _observe(_find_model, _log_score))


def observe_metrics(library: Library[Any], module: ModuleType) -> None:
    """Observe the functions of `sklearn.metrics` and the scorers."""
    for name in module.__all__:
        metric = getattr(module, name)
        if inspect.isfunction(metric) and name not in _NO_METRICS:
            library.wrap(module, name, _observe(_find_predicting_model, _log_metric))
    scorers = sys.modules.get("sklearn.metrics._scorer")
    if scorers is not None:
        library.wrap(scorers._BaseScorer, "__call__", _observe(_find_scored_model, _log_scorer))


def own_methods(model_class: type, names: Iterable[str]) -> Iterator[tuple[Any, str]]:
    """Yield where the methods of a class and its bases are, as owners and names of attributes."""
    for owner in model_class.__mro__:
        for name in names:
            method = vars(owner).get(name)
            if hasattr(method, "check") and hasattr(method, "fn"):
                yield method, "fn"  # `available_if` decides who has it, and calls this function
            elif inspect.isfunction(method):
                yield owner, name


def _observe(
    find: Callable[[Call], Trained | None], note: Callable[[Trained, Call], None]
) -> Callable[..., Any]:
    """Return what calls a function, and notes its result if it concerns a model that was trained.

    What the function calls in turn is part of it, and what scikit-learn calls for itself, as in
    `permutation_importance`, is not noted. Libraries share a function of scikit-learn that several
    observe; so the library is that of the model.
    """

    def around(function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        if not _models or is_off() or current_training() is not None:
            return function(*args, **kwargs)
        with within(None, is_off=True):
            result = function(*args, **kwargs)
        call = Call(function, args, kwargs, result)
        trained = find(call)
        if trained is None or trained.library.settings is None or is_within_sklearn():
            return result
        trained.guard.attempt(note, trained, call)
        return result

    return around


def _find_model(call: Call) -> Trained | None:
    return _models.get(call.args[0]) if call.args else None


def _find_predicting_model(call: Call) -> Trained | None:
    prediction = _find_prediction(call)
    return prediction.trained if prediction is not None else None


def _find_scored_model(call: Call) -> Trained | None:
    return _models.get(call.argument("estimator"))


def _find_prediction(call: Call) -> _Prediction | None:
    found = map(_predictions.get, (*call.args, *call.kwargs.values()))
    return next((prediction for prediction in found if prediction is not None), None)


# What is noted of it


def _note_prediction(trained: Trained, call: Call) -> None:
    """Remember which model has returned a prediction, and for which data."""
    data = call.first_argument()
    _predictions.put(call.result, _Prediction(trained, _weak(data), variable_name(data)))


def _log_score(trained: Trained, call: Call) -> None:
    """Log what the method `score` of a model has returned."""
    name, data = type(call.args[0]).__name__, call.first_argument()
    command = f"{name}.{call.text(skip=1)}"
    _log(trained, f"{name}_score", data, variable_name(data), command, call.result)


def _log_metric(trained: Trained, call: Call) -> None:
    """Log what a function of `sklearn.metrics` has returned for a prediction."""
    prediction = _find_prediction(call)
    if prediction is not None:
        name, data = call.function.__name__, prediction.data()
        _log(trained, name, data, prediction.variable, call.text(), call.result)


def _log_scorer(trained: Trained, call: Call) -> None:
    """Log what a scorer, such as `get_scorer("r2")`, has returned for a model and data."""
    name, data = call.args[0]._score_func.__name__, call.argument("X")
    variable = variable_name(data)
    _log(trained, name, data, variable, f"{name}({variable})", call.result)


def _log(trained: Trained, metric: str, data: Any, variable: str, command: str, value: Any) -> None:
    settings, evaluations = trained.library.settings, trained.evaluations
    if settings is None or isinstance(value, bool) or not isinstance(value, numbers.Real):
        return
    if len(evaluations.commands) >= MAX_CALLS:
        return
    name = _numbered(metric, _count(evaluations.calls, metric))
    key = f"{name}_{_data_name(evaluations.data, variable, data)}"
    evaluations.commands[key] = command
    run, model_id = trained.run, trained.model_id
    now = time.time_ns() // 1_000_000
    run.buffer.log_metrics({key: float(value)}, 0, now)
    dataset = describe(data) if settings.log_datasets else None
    commands = json.dumps(dict(sorted(evaluations.commands.items())), indent=2)

    def deliver() -> None:
        client = run.client
        if model_id is not None:
            measured = None if dataset is None else (dataset.name, dataset.digest)
            client.log_model_metrics(run.run_id, model_id, [(key, float(value), now, 0)], measured)
        if dataset is not None:
            run.log_inputs([DatasetInput(dataset, {CONTEXT: "eval"})])
        client.log_text(run.run_id, commands, "metric_info.json")

    run.client.defer([run.run_id], partial(trained.guard.attempt_later, deliver))


def _count(calls: dict[str, int], metric: str) -> int:
    calls[metric] = calls.get(metric, 0) + 1
    return calls[metric]


def _data_name(data_of_variables: dict[str, list[int]], variable: str, data: Any) -> str:
    known = data_of_variables.setdefault(variable, [])
    if id(data) not in known:
        known.append(id(data))
    return _numbered(variable, known.index(id(data)) + 1)


def _numbered(name: str, number: int) -> str:
    return name if number == 1 else f"{name}-{number}"


def _weak(value: Any) -> Callable[[], Any]:
    try:
        return weakref.ref(value)
    except TypeError:
        return lambda: None
