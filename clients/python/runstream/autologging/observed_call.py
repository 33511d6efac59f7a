"""A call of the program that has returned, and how the program writes it."""

from __future__ import annotations

import inspect
import numbers
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import FrameType
from typing import Any

# Frames of the program that are searched for the name of a variable.
_MAX_FRAMES = 50

# Names of functions that give a program the variables of the function that calls them.
_USES_OF_LOCALS = frozenset({"locals", "vars", "dir", "eval", "exec"})

# A name in functions with an `assert` that pytest has rewritten, which calls `locals()` and keeps
# nothing of it.
_PYTEST = "@py_builtins"

# References to the copy of the variables that a frame keeps: of the frame, of the one who reads
# it, and of the call that counts them.
_REFERENCES = 3

# Characters of a text among the arguments of a call.
_TEXT_CHARACTERS = 32


@dataclass(frozen=True)
class Call:
    """A call of a function or method; a method has its instance as the first argument."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    result: Any

    def argument(self, name: str) -> Any:
        """Return an argument by its name, wherever it stands; None if absent."""
        bound = inspect.signature(self.function).bind(*self.args, **self.kwargs)
        return bound.arguments.get(name)

    def first_argument(self) -> Any:
        """Return the first argument after the instance of a method."""
        if len(self.args) > 1:
            return self.args[1]
        return self.kwargs.get(list(inspect.signature(self.function).parameters)[1])

    def text(self, skip: int = 0) -> str:
        """Return the call as it could stand in the program, without so many first arguments."""
        names = list(inspect.signature(self.function).parameters)
        given = [*zip(names, self.args, strict=False)][skip:] + list(self.kwargs.items())
        arguments = ", ".join(f"{name}={_argument_text(value)}" for name, value in given)
        return f"{self.function.__name__}({arguments})"


def _argument_text(value: Any) -> str:
    if isinstance(value, str) and len(value) > _TEXT_CHARACTERS:
        return repr(f"{value[:_TEXT_CHARACTERS]}...")
    if value is None or isinstance(value, (str, bool, numbers.Number)):
        return repr(value)
    return variable_name(value, f"<{type(value).__name__}>")


def variable_name(value: Any, otherwise: str = "unknown_dataset") -> str:
    """Return the name of the variable of the program that is a value.

    If several functions that are under way have one, it is that of the outermost; a global variable
    of the innermost, if none has. Up to Python 3.12, the variables of a function that calls
    `locals()` and its kin are not searched.
    """
    found: str | None = None
    global_names: Mapping[str, Any] = {}
    frame: FrameType | None = sys._getframe(1)
    for _ in range(_MAX_FRAMES):
        if frame is None:
            break
        if not frame.f_globals.get("__name__", "").startswith("runstream."):
            global_names = global_names or frame.f_globals
            found = _find_name(value, _local_names(frame)) or found
        frame = frame.f_back
    return found or _find_name(value, global_names) or otherwise


def _local_names(frame: FrameType) -> Mapping[str, Any]:
    """Return the local variables of a frame, which stays as it is.

    Up to Python 3.12 `f_locals` of a function is a copy that the frame keeps: it would hold what
    the function deletes, and it is the very object that `locals()` has returned to the function.
    """
    code = frame.f_code
    if sys.version_info >= (3, 13) or not code.co_flags & inspect.CO_OPTIMIZED:
        return frame.f_locals
    if _USES_OF_LOCALS.intersection(code.co_names) and _PYTEST not in code.co_names:
        return {}
    kept = frame.f_locals
    names = dict(kept)
    if sys.getrefcount(kept) <= _REFERENCES:  # no debugger has it, too
        kept.clear()
    return names


def _find_name(value: Any, names: Mapping[str, Any]) -> str | None:
    found = (name for name, there in list(names.items()) if there is value)
    return next((name for name in found if not name.startswith("_")), None)
