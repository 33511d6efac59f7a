"""LIKE, ILIKE and RLIKE (S2, S3).

All three are run by RE2, whose time grows with the length of the text times the steps of the
program that it makes of a pattern: both are bounded, and the time of a search is looked at before
each text, so that a pattern of a caller's cannot hold the server up.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import re2
from peewee import fn

from runstream_service.store import reading
from runstream_service.store.models import database
from runstream_service.store.search.parse import Misplaced

PATTERN_CHARACTERS = 1_000

#: Steps of RE2's program for a pattern: a character is one, a wildcard about seven. A text of the
#: greatest length takes a second or two at worst.
PROGRAM_STEPS = 1_200

# Of one pattern, with what RE2 keeps to be fast; a hundred patterns are kept.
_PATTERN_BYTES = 1024 * 1024

# What the wildcards of LIKE are as a regular expression.
_WILDCARDS = {"%": ".*", "_": "."}


def check_pattern(operator: str, pattern: str, column: int) -> None:
    """Raise Misplaced if a pattern is too long, or is no regular expression (RLIKE)."""
    if len(pattern) > PATTERN_CHARACTERS:
        raise Misplaced(
            column, f"a pattern of {len(pattern)}", f"at most {PATTERN_CHARACTERS} characters"
        )
    try:
        steps = _compiled(operator, pattern).programsize
    except re2.error as error:
        raise Misplaced(column, f"{pattern!r} ({error})", "a regular expression of RE2") from None
    if steps > PROGRAM_STEPS:
        raise Misplaced(
            column, f"a pattern of {steps} steps of RE2", f"at most {PROGRAM_STEPS} steps"
        )


def sql_match(operator: str, pattern: str, column: Any) -> Any:
    """Return the expression that is true where the text of a column matches."""
    return fn.text_matches(operator, pattern, column) == 1


def match(operator: str, pattern: str, text: str) -> bool:
    """Return whether a text matches: the whole text (LIKE, ILIKE), or a part of it (RLIKE)."""
    reading.check()
    return _compiled(operator, pattern).search(text) is not None


@lru_cache(100)
def _compiled(operator: str, pattern: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    options.dot_nl = True
    options.max_mem = _PATTERN_BYTES
    options.case_sensitive = operator != "ILIKE"
    if operator != "RLIKE":
        pattern = "".join(_WILDCARDS.get(letter) or re2.escape(letter) for letter in pattern)
        pattern = rf"\A{pattern}\z"
    return re2.compile(pattern, options)


database.register_function(match, "text_matches", 3, deterministic=True)
