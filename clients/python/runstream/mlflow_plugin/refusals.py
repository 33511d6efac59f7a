"""Methods of MLflow's stores for what Runstream does not have."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from runstream.mlflow_plugin.mlflow_errors import NotInRunstream


def refuse_methods(store: type, base: type, missing: Mapping[str, str]) -> None:
    """Let the methods for what is missing say so, whichever of them this version of MLflow has.

    Args:
        store: the class of the store.
        base: MLflow's abstract store.
        missing: what is missing, by a word in the names of the methods for it.
    """
    for name, _ in inspect.getmembers(base, inspect.isfunction):
        what = next((missing[word] for word in missing if word in name), None)
        if what and not name.startswith("_"):
            setattr(store, name, _refusal(name, what))


def _refusal(name: str, what: str) -> Callable[..., NoReturn]:
    def refuse(*_: Any, **__: Any) -> NoReturn:
        raise NotInRunstream(f"Runstream does not have {what}: {name} is not possible")

    refuse.__name__ = name
    return refuse
