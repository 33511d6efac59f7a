"""All libraries whose trainings can be logged, and the switch of all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from runstream.autologging import (
    catboost,
    keras,
    lightgbm,
    pytorch,
    sklearn,
    transformers,
    xgboost,
)
from runstream.autologging.library import Library
from runstream.errors import InvalidArgument

LIBRARIES: tuple[Library[Any], ...] = (
    sklearn.LIBRARY,
    xgboost.LIBRARY,
    lightgbm.LIBRARY,
    catboost.LIBRARY,
    keras.LIBRARY,
    pytorch.LIBRARY,
    transformers.LIBRARY,
)


def autolog(
    log_input_examples: bool = False,
    log_model_signatures: bool = True,
    log_models: bool = True,
    log_datasets: bool = True,
    log_traces: bool = True,  # noqa: ARG001 - an argument of MLflow's
    disable: bool = False,
    exclusive: bool = False,
    disable_for_unsupported_versions: bool = False,  # noqa: ARG001 - an argument of MLflow's
    silent: bool = False,
    extra_tags: Mapping[str, str] | None = None,
    exclude_flavors: Sequence[str] | None = None,
) -> None:
    """Log trainings by themselves, of every library below that is imported or will be.

    A training goes to the active run; without one, a run is started for it and ended with it. A
    fault in logging never reaches the training: it is one warning in the log `runstream`. What a
    library logs, and what else can be chosen, is said by its own function, such as
    `runstream.sklearn.autolog`; a library that was turned on by that keeps its settings.

    Args:
        log_input_examples: whether some rows of the data are stored with the model.
        log_model_signatures: whether the columns that the model takes and gives are stored with it.
        log_models: whether trained models are stored.
        log_datasets: whether the data of trainings is recorded as inputs of the run.
        log_traces: changes nothing, since there are no traces; MLflow has it.
        disable: whether to turn all libraries off, and put back what was patched in them.
        exclusive: whether trainings within an active run of the user are left out.
        disable_for_unsupported_versions: changes nothing; MLflow has it.
        silent: whether nothing is said of what could not be logged.
        extra_tags: tags of the runs that are started for trainings.
        exclude_flavors: names of libraries to leave as they are.

    Raises:
        InvalidArgument: a library of this name is not known.
        ModuleNotFoundError: wrapt is not installed: `pip install 'runstream[autolog]'`.
    """
    excluded = _check_names(exclude_flavors or ())
    for library in LIBRARIES:
        if library.name in excluded:
            continue
        if disable:
            library.disable()
            continue
        library.enable_by_default(
            log_input_examples=log_input_examples,
            log_model_signatures=log_model_signatures,
            log_models=log_models,
            log_datasets=log_datasets,
            exclusive=exclusive,
            silent=silent,
            extra_tags=extra_tags,
        )


def _check_names(names: Sequence[str]) -> Sequence[str]:
    known = [library.name for library in LIBRARIES]
    for name in names:
        if name not in known:
            raise InvalidArgument(
                f"Invalid value {name!r} for parameter 'exclude_flavors' supplied: "
                f"it must be one of {', '.join(known)}",
                reason="LIBRARY_UNKNOWN",
                field="exclude_flavors",
                value=name,
                limit=", ".join(known),
            )
    return names
