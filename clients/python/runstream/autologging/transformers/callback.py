"""The callback that autologging gives to trainers of Transformers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runstream.autologging.training import Training
from runstream.integrations.training_run import TrainingRun
from runstream.integrations.transformers import RunstreamCallback


class AutologCallback(RunstreamCallback):
    """Logs one training, and what its trainer logs after it, such as an evaluation."""

    def __init__(self, training: Training[Any]) -> None:
        super().__init__()
        silent = training.settings.silent
        self._training = TrainingRun(training.run, is_ours=False, silent=silent)
        self._has_begun = False

    def on_train_begin(
        self, args: Any, state: Any, control: Any, model: Any = None, **_: Any
    ) -> None:
        """Log the params; log nothing more if this is another training, which is not autologged."""
        if self._has_begun:
            self._training = None
        elif self._training is not None:
            self._has_begun = True
            self._training.attempt("logged", self._log_params, args, model)

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
        if self._training is not None and logs:
            self._training.log_metrics(logs, state.global_step)
