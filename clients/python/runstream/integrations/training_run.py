"""The run that a logger or callback of a training framework logs to.

A start that fails is an error: the user has asked for a logger, and the training has not begun.
From then on nothing that goes wrong here reaches the training.
"""

from __future__ import annotations

import logging
import os
import time
from argparse import Namespace
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec

from runstream.contract.params_and_tags import Pairs
from runstream.errors import DeadlineExceeded, Unavailable
from runstream.fluent.active_runs import active_run, start_run
from runstream.fluent.destination import set_experiment
from runstream.fluent.first_params import log_first_params
from runstream.fluent.past_runs import end_past_run
from runstream.fluent.run_handle import ActiveRun
from runstream.transport.call_limit import limit_calls

P = ParamSpec("P")

#: Seconds that a call which logs waits for room in the queue, once a server was away so long that
#: the queue is full.
ROOM_SECONDS = 10.0

#: Seconds in which nothing is tried after a server was waited for in vain.
PAUSE_SECONDS = 60.0

log = logging.getLogger("runstream")

# The run that was started last for a framework that tells its callbacks nothing of an exception.
_latest: TrainingRun | None = None


def open_training_run(
    experiment_name: str | None = None,
    run_id: str | None = None,
    run_name: str | None = None,
    tags: Mapping[str, object] | None = None,
    *,
    name: str | None = None,
    ends_failed: bool = False,
) -> TrainingRun:
    """Take the active run, or start one that the training ends.

    A run is started if none is active, or if one is asked for by the experiment, an id or a name.
    It is then a child of the active one, and the active run until it ends.

    Args:
        experiment_name: where a new run belongs; the chosen experiment, if left out.
        run_id: a run to resume.
        run_name: name of a new run.
        tags: tags of the run.
        name: name of a new run without `run_name`; no reason to start one.
        ends_failed: for a framework that tells its callbacks nothing of an exception: whether the
            run of the training before, if it has not ended, is ended as FAILED now.

    Raises:
        RunstreamError: as `start_run` and `set_experiment`.
    """
    global _latest
    if ends_failed and _latest is not None and not _latest.run.is_ended:
        _latest.end("FAILED")
    active = active_run()
    if active is not None and not (
        experiment_name or run_name or run_id not in (None, active.run_id)
    ):
        active.set_tags(tags or {})
        return TrainingRun(active, is_ours=False)
    experiment_id = set_experiment(experiment_name).experiment_id if experiment_name else None
    started = start_run(
        run_id,
        experiment_id=experiment_id,
        run_name=run_name or (None if run_id else name),
        nested=active is not None,
        tags=tags,
    )
    training = TrainingRun(started, is_ours=True)
    if ends_failed:
        _latest = training
    return training


class TrainingRun:
    """The run of a training, for code that a framework calls: no method raises an error.

    What breaks a rule or is refused is left out, with one warning for each key. After a server was
    waited for in vain, what would wait for it again is not tried for `PAUSE_SECONDS`; metrics,
    params and tags do not wait for it, but are queued.

    Attributes:
        run: the run.
        is_ours: whether it was started for the training.
    """

    def __init__(self, run: ActiveRun, *, is_ours: bool, silent: bool = False) -> None:
        """Take a run.

        Args:
            run: the run.
            is_ours: whether it was started for the training, and ends with it.
            silent: whether warnings are only for debugging.
        """
        self.run = run
        self.is_ours = is_ours
        self._level = logging.DEBUG if silent else logging.WARNING
        self._paused_until: dict[str, float] = {}  # by what is not done meanwhile

    def log_metrics(self, metrics: Mapping[str, Any], step: int | None) -> None:
        """Queue a point of each metric."""
        self._log(self.run.log_metrics, metrics, step, on_error="skip")

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Log params.

        In a run that was there before, a param may have another value. Then it keeps that, with a
        warning: no call of the user for the run raises it.
        """
        self._log(log_first_params, self.run, params, lambda error: self._warn(str(error)))

    def log_nested_params(self, params: Mapping[str, Any] | Namespace) -> None:
        """Log params of nested dictionaries and namespaces, with `/` between the names."""
        self._log(lambda: self.log_params(flatten(params)))

    def set_tags(self, tags: Pairs) -> None:
        """Queue tags."""
        self._log(self.run.set_tags, tags, on_error="skip")

    def upload(self, path: str | os.PathLike[str], artifact_path: str | None = None) -> bool:
        """Upload a file, or a folder with its name; return whether it is stored or kept."""
        log_artifact = self.run.client.log_artifact
        return self.attempt("uploaded", log_artifact, self.run.run_id, path, artifact_path)

    def upload_dict(self, dictionary: Mapping[str, Any], artifact_file: str) -> bool:
        """Upload a dictionary as JSON or YAML; return whether it is stored or kept."""
        log_dict = self.run.client.log_dict
        return self.attempt("uploaded", log_dict, self.run.run_id, dictionary, artifact_file)

    def upload_text(self, text: str, artifact_file: str) -> bool:
        """Upload a text; return whether it is stored or kept."""
        log_text = self.run.client.log_text
        return self.attempt("uploaded", log_text, self.run.run_id, text, artifact_file)

    def end(self, status: str = "FINISHED") -> None:
        """End the run if it was started for the training; again, if more was logged since then."""
        if not self.is_ours:
            return
        if self.run.is_ended:
            now = time.time_ns() // 1_000_000
            self.attempt("ended", end_past_run, self.run.client, self.run.run_id, status, now)
        else:
            self.attempt("ended", self.run.end, status)
            self.run.is_ended = True  # if it is not, the end of the program tries again

    def _log(self, function: Callable[P, object], /, *args: P.args, **kwargs: P.kwargs) -> None:
        with limit_calls(ROOM_SECONDS):
            self.attempt("logged", function, *args, **kwargs)

    def attempt(
        self, what: str, function: Callable[P, object], /, *args: P.args, **kwargs: P.kwargs
    ) -> bool:
        """Call a function; return whether it did what it does, as told by a participle."""
        if time.monotonic() < self._paused_until.get(what, 0.0):
            return False
        try:
            function(*args, **kwargs)
        except (Unavailable, DeadlineExceeded) as error:
            self._paused_until[what] = time.monotonic() + PAUSE_SECONDS
            self._warn(f"{error}; for {PAUSE_SECONDS:g} s nothing is {what}")
        except Exception as error:
            self._warn(f"{type(error).__name__}: {error}")
        else:
            return True
        return False

    def _warn(self, text: str) -> None:
        log.log(self._level, "run %s: not all of the training is logged: %s", self.run.run_id, text)


def flatten(params: Mapping[str, Any] | Namespace) -> dict[str, Any]:
    """Return the values of nested dictionaries and namespaces, with `/` between the names."""
    flat: dict[str, Any] = {}
    for name, value in (vars(params) if isinstance(params, Namespace) else params).items():
        if isinstance(value, (Mapping, Namespace)) and (value or isinstance(value, Namespace)):
            below = flatten(value)
            flat.update({f"{name}/{key}": item for key, item in below.items()})
        else:
            flat[str(name)] = value
    return flat
