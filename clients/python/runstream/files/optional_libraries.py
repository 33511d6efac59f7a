"""Imports of libraries that the client can use but does not depend on."""

from __future__ import annotations

import importlib
from typing import Any

# Names of packages that differ from the name of their module.
_PACKAGES = {"PIL": "pillow", "yaml": "pyyaml"}


def import_optional(module: str, purpose: str, otherwise: str = "", extra: str = "") -> Any:
    """Import a library.

    Args:
        module: its name.
        purpose: what needs it, for people.
        otherwise: what can be done without it, for people.
        extra: the extra of `runstream` that installs it, if there is one.

    Raises:
        ModuleNotFoundError: it is not installed; the text says what to install.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as missing:
        if missing.name != module.partition(".")[0]:
            raise
        package = _PACKAGES.get(missing.name, missing.name)
        install = f"'runstream[{extra}]'" if extra else package
        raise ModuleNotFoundError(
            f"{purpose} needs {package}, which is not installed: pip install {install}"
            + (f", or {otherwise}" if otherwise else ""),
            name=missing.name,
        ) from None
