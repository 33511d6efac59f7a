"""Warnings about what calls with `on_error="skip"` leave out."""

from __future__ import annotations

import logging

from runstream.errors import RunstreamError

# Warnings of one run; what is left out after them is left out in silence.
_MAX_WARNINGS = 100

# A key may be any text; warnings about keys that begin with the same characters count as one.
_KEY_CHARACTERS = 500

log = logging.getLogger("runstream")


class SkipWarnings:
    """One warning for each metric, param or tag of a run that is not logged.

    Any thread may call every method. No lock is needed: a set adds by one step, and two threads
    that leave out the same key at the same moment may both warn.
    """

    def __init__(self, run_id: str) -> None:
        self._run_id = run_id
        self._warned: set[tuple[str, str]] = set()

    def warn(self, field: str, key: object, error: RunstreamError) -> None:
        """Warn that something is not logged, unless a warning said so before.

        Args:
            field: `metrics`, `params`, `tags` or `refusals`.
            key: its key.
            error: why it is not logged.
        """
        name = field, repr(key)[:_KEY_CHARACTERS]
        if name not in self._warned and len(self._warned) < _MAX_WARNINGS:
            self._warned.add(name)
            log.warning("run %s: not logged: %s", self._run_id, error)

    def clear(self) -> None:
        """Warn of everything again."""
        self._warned.clear()
