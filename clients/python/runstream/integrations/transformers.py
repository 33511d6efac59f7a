"""A callback for the Trainer of Transformers, and for the trainers of TRL, which derive from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from transformers import TrainerCallback

from runstream.integrations.training_run import TrainingRun, open_training_run


class RunstreamCallback(TrainerCallback):
    """Logs params of model and training, metrics and checkpoints, in the process of rank zero.

    They go to the active run, or else to a run that starts with each training and ends with it. A
    training that raises leaves its run active: it ends as FAILED with the program, or when another
    training begins. What is logged after a training, as by `trainer.evaluate`, goes to its run.

    Args:
        experiment_name, run_name, run_id, tags: see `open_training_run`. Without a name, a new run
            has that of the trial of a hyperparameter search, or else of the training arguments.
        log_artifacts: whether each checkpoint is uploaded when it is saved.
    """

    def __init__(
        self,
        experiment_name: str | None = None,
        run_name: str | None = None,
        run_id: str | None = None,
        tags: Mapping[str, object] | None = None,
        log_artifacts: bool = False,
    ) -> None:
        self._experiment_name = experiment_name
        self._run_name = run_name
        self._run_id = run_id
        self._tags = tags
        self._log_artifacts = log_artifacts
        self._training: TrainingRun | None = None

    def on_train_begin(
        self, args: Any, state: Any, control: Any, model: Any = None, **_: Any
    ) -> None:
        """Start the run, and log the params."""
        if state.is_world_process_zero:
            self._open(args, state, model)

    def on_log(
        self,
        args: Any,
        state: Any,
        control: Any,
        logs: Mapping[str, Any] | None = None,
        model: Any = None,
        **_: Any,
    ) -> None:
        """Log metrics."""
        if state.is_world_process_zero and logs:
            training = self._training or self._open(args, state, model)
            training.log_metrics(logs, state.global_step)

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Upload the checkpoint that was saved, as a folder of its name."""
        if self._training is not None and self._log_artifacts:
            self._training.upload(f"{args.output_dir}/checkpoint-{state.global_step}")

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """End the run if it was started here."""
        if self._training is not None:
            self._training.end()

    def _open(self, args: Any, state: Any, model: Any) -> TrainingRun:
        self._training = open_training_run(
            self._experiment_name,
            self._run_id,
            self._run_name,
            self._tags,
            name=state.trial_name or args.run_name,
            ends_failed=True,
        )
        self._training.attempt("logged", self._log_params, args, model)
        return self._training

    def _log_params(self, args: Any, model: Any) -> None:
        config: Any = getattr(model, "config", None)
        model_params = config.to_dict() if hasattr(config, "to_dict") else {}
        if self._training is not None:
            self._training.log_params({**model_params, **args.to_dict()})

    @property
    def run_id(self) -> str | None:
        """The id of the run; None before there is one, and in other processes than rank zero's."""
        return self._training.run.run_id if self._training else None
