"""LIKE, ILIKE and RLIKE (S2, S3).

All three are run by RE2, whose time grows with the length of the text times the steps of the
program that it makes of a pattern: both are bounded, and the time of a search is looked at before
each text, so that the pattern of a caller cannot hold up the server.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import re2
from peewee import fn

from runstream_service.engine import reading
from runstream_service.engine.tables import database
from runstream_service.search.parse import ParseError

PATTERN_CHARACTERS = 1_000

#: Steps of RE2's program for a pattern: a character is one, a wildcard about seven. A text of the
#: greatest length takes a second or two at worst.
PROGRAM_STEPS = 1_200

# Bytes of one pattern with RE2's caches; a hundred patterns are kept.
_PATTERN_BYTES = 1024 * 1024

# The wildcards of LIKE as regular expressions.
_WILDCARDS = {"%": ".*", "_": "."}


def check_pattern(operator: str, pattern: str, escape: str, column: int) -> None:
    """Raise ParseError if a pattern is too long, ends in its escape or is no expression."""
    if len(pattern) > PATTERN_CHARACTERS:
        raise ParseError(
            column, f"a pattern of {len(pattern)}", f"at most {PATTERN_CHARACTERS} characters"
        )
    try:
        steps = _compiled(operator, pattern, escape).programsize
    except re2.error as error:
        raise ParseError(column, f"{pattern!r} ({error})", "a regular expression of RE2") from None
    except ValueError:
        raise ParseError(column, repr(pattern), f"a character after the last {escape!r}") from None
    if steps > PROGRAM_STEPS:
        raise ParseError(
            column, f"a pattern of {steps} steps of RE2", f"at most {PROGRAM_STEPS} steps"
        )


def sql_match(operator: str, pattern: str, escape: str, column: Any) -> Any:
    """Return the expression that is true where the text of a column matches."""
    return fn.text_matches(operator, pattern, escape, column) == 1


def match(operator: str, pattern: str, escape: str, text: str) -> bool:
    """Return whether a text matches: the whole text (LIKE, ILIKE), or a part of it (RLIKE).

    Args:
        operator: one of these three.
        pattern: the pattern.
        escape: the character before a wildcard of LIKE that stands for itself; empty for none.
        text: the text.
    """
    reading.check()
    return _compiled(operator, pattern, escape).search(text) is not None


@lru_cache(100)
def _compiled(operator: str, pattern: str, escape: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    options.dot_nl = True
    options.max_mem = _PATTERN_BYTES
    options.case_sensitive = operator != "ILIKE"
    if operator != "RLIKE":
        pattern = rf"\A{''.join(_expressions(pattern, escape))}\z"
    return re2.compile(pattern, options)


def _expressions(pattern: str, escape: str) -> Iterator[str]:
    """Yield the regular expression of each character of a pattern of LIKE."""
    escaped = False
    for letter in pattern:
        if escaped or letter != escape:
            yield re2.escape(letter) if escaped else _WILDCARDS.get(letter) or re2.escape(letter)
            escaped = False
        else:
            escaped = True
    if escaped:
        raise ValueError("a pattern ends in its escape")


database.register_function(match, "text_matches", 4, deterministic=True)
