"""What a user chooses about autologging of scikit-learn."""

from __future__ import annotations

from dataclasses import dataclass

from runstream.autologging.settings import Settings


@dataclass(frozen=True)
class SklearnSettings(Settings):
    """The settings of scikit-learn.

    Attributes:
        max_tuning_runs: how many candidates of a search become child runs, the best first; all, if
            None.
        log_post_training_metrics: whether scores and metrics of later predictions are logged.
        serialization_format: how models are stored, `pickle` or `skops`.
        pos_label: the class that counts as positive in precision, recall and F1; if None, they are
            means over the classes, weighted by their size.
    """

    max_tuning_runs: int | None = 5
    log_post_training_metrics: bool = True
    serialization_format: str = "pickle"
    pos_label: object = None
