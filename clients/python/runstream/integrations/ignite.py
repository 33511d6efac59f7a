"""A logger handler for PyTorch-Ignite."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

from ignite import distributed
from ignite.engine import Engine, Events
from ignite.handlers.base_logger import BaseLogger, BaseOptimizerParamsHandler, BaseOutputHandler

from runstream.fluent.run_handle import ActiveRun
from runstream.integrations.training_run import TrainingRun, open_training_run
from runstream.process.exit_status import run_status


class RunstreamLogger(BaseLogger):
    """Logs what its handlers take from engines, in the process of rank zero.

    It goes to the active run, or else to a run that starts with the logger and ends with `close`,
    or with the block if the logger is a context manager.

    Args:
        experiment_name, run_name, run_id, tags: see `open_training_run`.
    """

    def __init__(
        self,
        experiment_name: str | None = None,
        run_name: str | None = None,
        run_id: str | None = None,
        tags: Mapping[str, object] | None = None,
    ) -> None:
        self._training: TrainingRun | None = None
        if distributed.get_rank() == 0:
            self._training = open_training_run(experiment_name, run_id, run_name, tags)

    @property
    def run(self) -> ActiveRun | None:
        """The run; None in processes of another rank than zero."""
        return self._training.run if self._training else None

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Log params."""
        if self._training is not None:
            self._training.log_params(params)

    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Log a point of each metric."""
        if self._training is not None:
            self._training.log_metrics(metrics, step)

    def close(self) -> None:
        """End the run if it was started here."""
        self._end(None)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._end(error)

    def _end(self, error: BaseException | None) -> None:
        if self._training is not None:
            self._training.end(run_status(error))

    def _create_output_handler(self, *args: Any, **kwargs: Any) -> Callable[..., None]:
        return OutputHandler(*args, **kwargs)

    def _create_opt_params_handler(self, *args: Any, **kwargs: Any) -> Callable[..., None]:
        return OptimizerParamsHandler(*args, **kwargs)


class OutputHandler(BaseOutputHandler):
    """Logs output, metrics and attributes of an engine, each as `TAG NAME`.

    It is made by `RunstreamLogger.attach_output_handler` with the arguments that those of Ignite's
    other loggers take.
    """

    def __call__(self, engine: Engine, logger: RunstreamLogger, event_name: str | Events) -> None:
        """Log what is there now."""
        rendered = self._setup_output_metrics_state_attrs(engine)
        metrics = {" ".join(keys): value for keys, value in rendered.items()}
        logger.log_metrics(metrics, self.global_step_transform(engine, event_name))


class OptimizerParamsHandler(BaseOptimizerParamsHandler):
    """Logs a parameter of an optimizer, such as `lr`, for each of its groups.

    It is made by `RunstreamLogger.attach_opt_params_handler`.
    """

    def __call__(self, engine: Engine, logger: RunstreamLogger, event_name: str | Events) -> None:
        """Log what it is now."""
        prefix = f"{self.tag} {self.param_name}" if self.tag else self.param_name
        metrics = {
            f"{prefix} group_{number}": group[self.param_name]
            for number, group in enumerate(self.optimizer.param_groups)
        }
        logger.log_metrics(metrics, engine.state.get_event_attrib_value(event_name))
