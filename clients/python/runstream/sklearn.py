"""scikit-learn: trainings logged by themselves."""

from __future__ import annotations

from collections.abc import Mapping

from runstream.autologging.sklearn import LIBRARY
from runstream.autologging.sklearn.settings import SklearnSettings

__all__ = ["autolog"]


def autolog(
    log_input_examples: bool = False,
    log_model_signatures: bool = True,
    log_models: bool = True,
    log_datasets: bool = True,
    disable: bool = False,
    exclusive: bool = False,
    silent: bool = False,
    extra_tags: Mapping[str, str] | None = None,
) -> None:
    """Log trainings of scikit-learn: calls of `fit`, `fit_transform` and `fit_predict`."""
    settings = SklearnSettings(
        log_input_examples=log_input_examples,
        log_model_signatures=log_model_signatures,
        log_models=log_models,
        log_datasets=log_datasets,
        exclusive=exclusive,
        silent=silent,
        extra_tags=extra_tags,
    )
    LIBRARY.choose(None if disable else settings)
