"""LIKE, ILIKE and RLIKE (S2, S3).

All three are run by RE2, whose time grows with the text alone, whatever the pattern: a pattern of
a caller's must not be able to hold the server up.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import re2
from peewee import fn

from runstream_service.store.models import database
from runstream_service.store.search.parse import Misplaced

PATTERN_CHARACTERS = 1_000

# What the wildcards of LIKE are as a regular expression.
_WILDCARDS = {"%": ".*", "_": "."}


def check_pattern(operator: str, pattern: str, column: int) -> None:
    """Raise Misplaced if a pattern is too long, or is no regular expression (RLIKE)."""
    if len(pattern) > PATTERN_CHARACTERS:
        raise Misplaced(
            column, f"a pattern of {len(pattern)}", f"at most {PATTERN_CHARACTERS} characters"
        )
    try:
        _compiled(operator, pattern)
    except re2.error as error:
        raise Misplaced(column, f"{pattern!r} ({error})", "a regular expression of RE2") from None


def sql_match(operator: str, pattern: str, column: Any) -> Any:
    """Return the expression that is true where the text of a column matches."""
    return fn.text_matches(operator, pattern, column) == 1


def match(operator: str, pattern: str, text: str) -> bool:
    """Return whether a text matches: the whole text (LIKE, ILIKE), or a part of it (RLIKE)."""
    return _compiled(operator, pattern).search(text) is not None


@lru_cache(1_000)
def _compiled(operator: str, pattern: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    options.dot_nl = True
    options.case_sensitive = operator != "ILIKE"
    if operator != "RLIKE":
        pattern = "".join(_WILDCARDS.get(letter) or re2.escape(letter) for letter in pattern)
        pattern = rf"\A{pattern}\z"
    return re2.compile(pattern, options)


database.register_function(match, "text_matches", 3, deterministic=True)
