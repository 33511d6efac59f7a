"""Patches: functions of a library that are replaced by wrappers, and put back as they were.

A wrapper is a plain function with the name, signature and documentation of what it wraps. So it is
pickled by its name as that was, and methods are bound, copied and inspected as before. Where a
function is pickled by its content, its copy in another process does what the original does.

What several libraries replace, as the metrics of scikit-learn, is replaced by the first of them,
and put back once the last of them has restored it.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, MutableMapping
from typing import Any
from weakref import WeakKeyDictionary

#: What a wrapper does: called with the original function, its arguments and its keywords.
Around = Callable[[Callable[..., Any], tuple[Any, ...], dict[str, Any]], Any]


_INHERITED = "inherited"  # in place of the original


class _Call:
    """What a wrapper does.

    A class that a program defines itself is pickled with its methods, as for the processes of
    joblib. There the wrapper only calls the original.
    """

    def __init__(self, around: Around) -> None:
        self.around = around

    def __reduce__(self) -> tuple[Any, ...]:
        return _Call, (_call_original,)


def _call_original(
    original: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    return original(*args, **kwargs)


class Patches:
    """The patches of one library."""

    def __init__(self) -> None:
        # The names that are replaced in each owner. A class is held weakly, so that one that a
        # program makes and drops does not stay.
        self._classes: MutableMapping[Any, set[str]] = WeakKeyDictionary()
        self._objects: list[tuple[Any, set[str]]] = []

    def wrap(self, owner: Any, name: str, around: Around) -> None:
        """Replace a function of a module, a class or an object by one that calls `around`.

        One that is replaced by us already stays as it is, until all that have replaced it restore
        it: what they do in its place has to be the same.

        Args:
            owner: where it is an attribute; one that a class inherits is set on the class.
            name: its name.
            around: called in its place; what it returns is the result of the call.

        Raises:
            AttributeError: there is none.
            TypeError: it is no plain function.
        """
        original = inspect.getattr_static(owner, name)
        if _is_ours(original):
            if name in vars(owner):
                original._runstream_users.add(id(self))
                self._names(owner).add(name)
            return
        if not callable(original) or isinstance(original, (staticmethod, classmethod)):
            raise TypeError(f"{name} of {owner!r} is no function, but {type(original).__name__}")

        call = _Call(around)

        @functools.wraps(original)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            return call.around(original, args, kwargs)

        self.replace(owner, name, wrapper)

    def replace(self, owner: Any, name: str, value: Any) -> None:
        """Replace an attribute; `wrap` is simpler, if it is a plain function.

        Args:
            owner: as that of `wrap`.
            name: its name.
            value: a function or another object that can have attributes.
        """
        value._runstream_patch = id(value)
        value._runstream_users = {id(self)}
        value._runstream_original = vars(owner).get(name, _INHERITED)
        self._names(owner).add(name)
        setattr(owner, name, value)

    def restore(self) -> None:
        """Put back the functions that were replaced.

        What another program has replaced since stays: its wrapper calls ours, which then does
        nothing but call the original.
        """
        for owner, names in (*self._classes.items(), *self._objects):
            for name in names:
                self._restore(owner, name)
        self._classes.clear()
        self._objects.clear()

    def _restore(self, owner: Any, name: str) -> None:
        there = vars(owner).get(name)
        if not _is_ours(there):
            return
        there._runstream_users.discard(id(self))
        if there._runstream_users:
            return
        if there._runstream_original is _INHERITED:
            delattr(owner, name)
        else:
            setattr(owner, name, there._runstream_original)

    def _names(self, owner: Any) -> set[str]:
        if isinstance(owner, type):
            return self._classes.setdefault(owner, set())
        for known, names in self._objects:
            if known is owner:
                return names
        self._objects.append((owner, set()))
        return self._objects[-1][1]


def _is_ours(value: Any) -> bool:
    # A wrapper of another program around ours has a copy of its attributes.
    return getattr(value, "_runstream_patch", None) == id(value)
