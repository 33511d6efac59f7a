"""What a user chooses about autologging."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """The settings of one library; a library with options of its own has a subclass.

    Attributes:
        log_models: whether the trained model is stored.
        log_datasets: whether the data of the training is recorded as an input of the run.
        log_input_examples: whether some rows of the data are stored with the model.
        log_model_signatures: whether the columns that the model takes and gives are stored with it.
        exclusive: whether trainings within an active run of the user are left out.
        silent: whether nothing is said: neither that it is on, nor what could not be logged.
        extra_tags: tags of the runs that are started for trainings.
        registered_model_name: the registered model of which stored models become versions; None, if
            they are not registered.
    """

    log_models: bool = True
    log_datasets: bool = True
    log_input_examples: bool = False
    log_model_signatures: bool = True
    exclusive: bool = False
    silent: bool = False
    extra_tags: Mapping[str, str] | None = None
    registered_model_name: str | None = None
