"""One training: a call of a library that trains a model, and the run that it is logged to.

The run is the active run of the user, if there is one, or else one that is started for the call
and ended with it: FAILED if the training raises, KILLED if it is interrupted. Trainings that a
training calls are part of it, and not logged on their own.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Generic, ParamSpec, TypeVar

from runstream.autologging.guard import Guard
from runstream.autologging.settings import Settings
from runstream.contract.params_and_tags import to_texts
from runstream.entities import Dataset, DatasetInput
from runstream.errors import InvalidArgument
from runstream.fluent.active_runs import active_run, make_last_active, start_run
from runstream.fluent.first_params import log_first_params
from runstream.fluent.logging_functions import CONTEXT
from runstream.fluent.run_handle import ActiveRun
from runstream.models.model_files import Flavor, ModelDraft, write_model
from runstream.models.model_logging import ModelDescription, new_model_id, upload_model
from runstream.process.exit_status import run_status

P = ParamSpec("P")
S = TypeVar("S", bound=Settings)
Result = TypeVar("Result")

#: Tag of the runs that are started for trainings: the library.
AUTOLOGGING = "mlflow.autologging"

_training: ContextVar[Training[Any] | None] = ContextVar("runstream_training", default=None)
_is_off: ContextVar[bool] = ContextVar("runstream_autologging_off", default=False)


class Training(Generic[S]):
    """A call that trains, for the functions that log it.

    Attributes:
        library: name of the library.
        settings: what the user has chosen for it.
        run: the run; what `run.log_params` and its kin take is queued, and costs no round trip.
        is_run_ours: whether the run was started for this training.
        outer: the training of the same library that called this one, whose run it joins; or None.
        model_id: the model that was stored of it first, if one was.
        guard: calls the functions that log it, and those that log what is computed of its model.
        function: the function that was called.
        instance: the object whose method was called; None if it is a function of a module.
        args: its arguments, without the instance.
        kwargs: its keyword arguments. Both may be changed before the training begins.
    """

    def __init__(
        self,
        library: str,
        settings: S,
        function: Callable[..., Any],
        instance: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        self.library = library
        self.settings = settings
        self.function = function
        self.instance = instance
        self.args = args
        self.kwargs = dict(kwargs)
        self.run: ActiveRun
        self.is_run_ours = False
        self.outer = _training.get()
        self.model_id: str | None = None
        self.guard: Guard = self.outer.guard if self.outer else Guard(library, settings.silent)

    @property
    def parameters(self) -> list[str]:
        """The names of the function's parameters, without the instance."""
        return list(_signature(self.function).parameters)[self._first :]

    def argument(self, name: str, default: Any = None) -> Any:
        """Return an argument of the call by its name, wherever it stands; the default if absent."""
        return self._bind().arguments.get(name, default)

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of the call by their names, with the defaults of those left out."""
        bound = self._bind()
        bound.apply_defaults()
        return dict(list(bound.arguments.items())[self._first :])

    def replace_argument(self, name: str, value: Any) -> None:
        """Give the training another value for an argument, such as callbacks with one of ours."""
        bound = self._bind()
        bound.arguments[name] = value
        self.args, self.kwargs = bound.args[self._first :], bound.kwargs

    def attempt(
        self, function: Callable[P, Result], /, *args: P.args, **kwargs: P.kwargs
    ) -> Result | None:
        """Call a function of ours that a library calls during the training, such as a callback's.

        It never raises: a fault is one warning, and the result is None.
        """
        return self.guard.attempt(function, *args, **kwargs)

    def warn(self, text: str) -> None:
        """Say what is not logged of the training, unless the user was warned of it already."""
        self.guard.warn(text)

    def defer(self, function: Callable[P, object], /, *args: P.args, **kwargs: P.kwargs) -> None:
        """Call a function of ours after the training, on a thread where nobody waits for it.

        What it calls is in order, and before the end of a run that is started for the training.
        What waits for a server that is there goes here, as the upload of an artifact, which is
        kept on disk while the server is away. What logs to `run` needs no answer. A fault is one
        warning.
        """
        owners = [self.run.run_id, *filter(None, [self.model_id])]
        later = partial(self.guard.attempt_later, function, *args, **kwargs)
        self.run.client.defer(owners, later)

    def defer_slow(
        self, function: Callable[P, object], /, *args: P.args, **kwargs: P.kwargs
    ) -> None:
        """Make artifacts later, which takes so long that the end of the run does not wait."""
        later = partial(self.guard.attempt_later, function, *args, **kwargs)
        self.run.client.defer([self.run.run_id], later, slow=True)

    def log_params(self, params: Mapping[str, object]) -> None:
        """Log params of the run.

        In a run of the user a param may have another value already, from another training or an
        earlier life of the run. Then it keeps that, and the warning says so; no call of the user
        for the run raises it.
        """
        errors: list[InvalidArgument] = []
        texts = to_texts("params", params, lambda *invalid: errors.append(invalid[-1]))
        if errors:
            others = f", nor {len(errors) - 1} other params" if len(errors) > 1 else ""
            self.warn(f"{errors[0]}{others}")
        log_first_params(self.run, texts, lambda error: self.warn(str(error)))

    def log_metrics(self, metrics: Mapping[str, float], dataset: Dataset | None = None) -> None:
        """Log metrics of the run, which measure its model, too, if that is stored before.

        Args:
            metrics: values by key.
            dataset: what they were measured with.
        """
        now = time.time_ns() // 1_000_000
        self.run.log_metrics(metrics, timestamp=now, on_error="skip")
        if self.model_id is None:
            return
        # The same points again, which the server has once: they must not hang on the model, whose
        # upload may fail.
        points = [(key, value, now, 0) for key, value in metrics.items()]
        measured = (dataset.name, dataset.digest) if dataset is not None else None
        client, model_id = self.run.client, self.model_id
        self.defer(client.log_model_metrics, self.run.run_id, model_id, points, measured)

    def log_dataset(self, dataset: Dataset, context: str) -> None:
        """Record data of the training, unless the user has switched it off."""
        if self.settings.log_datasets:
            self.attempt(self.run.log_inputs, [DatasetInput(dataset, {CONTEXT: context})])

    def log_model(
        self,
        flavor: Flavor,
        write: Callable[[Path], object],
        description: ModelDescription = ModelDescription(),  # noqa: B008 - it cannot change
    ) -> None:
        """Store the trained model, unless the user has switched it off.

        It is written at once, since the program may change it after the training, and uploaded
        later. From then on `model_id` is its id. The first of a training is registered.

        Args:
            flavor: its framework.
            write: writes what the framework reads into a folder.
            description: what is recorded of it.
        """
        if not self.settings.log_models:
            return
        run = self.run
        if self.model_id is None:  # of a search the search, and not its best estimator, too
            name = self.settings.registered_model_name
            description = replace(description, registered_model_name=name)
        model_id = new_model_id()
        draft = write_model(
            flavor, write, model_id, run.run_id, description.signature, description.input_example
        )
        self.model_id = self.model_id or model_id
        upload = partial(upload_model, run.client, run.info, model_id, draft, description)
        run.client.defer([run.run_id, model_id], partial(_upload, upload, draft, self.guard))

    @property
    def _first(self) -> int:
        """How many arguments of the function stand before those of the call."""
        return 0 if self.instance is None else 1

    def _bind(self) -> inspect.BoundArguments:
        first = (self.instance,) * self._first
        return _signature(self.function).bind_partial(*first, *self.args, **self.kwargs)

    # The run

    def _open_run(self) -> bool:
        """Take or start the run; return whether the training is to be logged."""
        if self.outer is not None:
            self.run = self.outer.run
            return True
        run = active_run()
        if run is not None and self.settings.exclusive:
            return False
        if run is None:
            tags = {**(self.settings.extra_tags or {}), AUTOLOGGING: self.library}
            run = start_run(tags=tags)
            self.is_run_ours = True
        self.run = run
        return True

    def _close_run(self, error: BaseException | None) -> None:
        if self.is_run_ours:
            status = run_status(error)
            self.run.leave(status)
            make_last_active(self.run)  # the training may have started others
            # Without the guard: a run must end, whatever else failed, and if not here, then at the
            # end of the program.
            end = partial(self.guard.attempt_later, self.run.end, status)
            self.run.client.defer([self.run.run_id], end)


def _upload(upload: Callable[[], object], draft: ModelDraft, guard: Guard) -> None:
    guard.attempt_later(upload)
    draft.discard()  # if it was not tried


#: Logs a training: it is called before the training, goes on from its one `yield` when the training
#: has returned, which gives it the result, and is closed there if the training raises.
Log = Callable[[Training[S]], Generator[None, Any, None]]


# Of one library there are some hundred functions that train.
_signature = lru_cache(maxsize=1_000)(inspect.signature)


@contextmanager
def within(training: Training[Any] | None, is_off: bool = False) -> Iterator[None]:
    """Let calls within the block be part of a training, or not logged at all."""
    tokens = _training.set(training), _is_off.set(is_off)
    try:
        yield
    finally:
        _training.reset(tokens[0])
        _is_off.reset(tokens[1])


def is_off() -> bool:
    """Return whether no training of this context is logged now."""
    return _is_off.get()


def current_training() -> Training[Any] | None:
    """Return the training of this context that is logged."""
    return _training.get()


def run_training(training: Training[S], log: Log[S]) -> Any:
    """Return what a training returns, and raise what it raises; log it meanwhile."""
    guard, function = training.guard, training.function
    first = () if training.instance is None else (training.instance,)
    given = (training.args, training.kwargs)
    if not guard.attempt(training._open_run):
        return function(*first, *given[0], **given[1])
    failure: BaseException | None = None
    steps = log(training)
    try:
        with within(training):
            if not guard.attempt(_reaches_training, steps):
                training.args, training.kwargs = given
            result = function(*first, *training.args, **training.kwargs)
            guard.attempt(_finish, steps, result)
    except BaseException as error:
        failure = error
        raise
    else:
        return result
    finally:
        guard.attempt(steps.close)
        guard.attempt(training._close_run, failure)
        del failure, training  # no reference from a traceback to itself


def _reaches_training(steps: Generator[None, Any, None]) -> bool:
    next(steps)
    return True


def _finish(steps: Generator[None, Any, None], result: Any) -> None:
    try:
        steps.send(result)
    except StopIteration:
        return
    raise RuntimeError("the function that logs a training yields more than once")
