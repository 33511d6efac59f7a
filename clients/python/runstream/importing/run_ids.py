"""Ids of runs that come from a tracker whose ids have another form."""

from __future__ import annotations

import hashlib
import json


def derive_run_id(tracker: str, *names: str) -> str:
    """Return the id of a run, 32 lower-case hexadecimal digits.

    The same names have the same id, so that a run is imported once, and other names another.

    Args:
        tracker: the tracker, such as `wandb`.
        names: what tells the run from all others of the tracker, such as project and id.
    """
    # JSON, because ("a", "bc") and ("ab", "c") are not the same names; in ASCII, because names of
    # files may be no valid Unicode.
    return hashlib.sha256(json.dumps([tracker, *names]).encode("ascii")).hexdigest()[:32]
