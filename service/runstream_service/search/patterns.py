"""LIKE, ILIKE and RLIKE (S2, S3).

All three are run by RE2, whose time grows with the length of the text times the steps of the
program that it makes of a pattern: both are bounded, and the time of a search is looked at before
each text, so that the pattern of a caller cannot hold up the server. A database that cannot call
RE2 does LIKE by itself, and for the others it is asked which different texts there are.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import re2
from peewee import SQL, NodeList, Value, fn

from runstream.errors import ResourceExhausted
from runstream_service.engine import reading
from runstream_service.engine.budget import ANSWER_BYTES, Budget, TooLargeError
from runstream_service.engine.sqlite import sql_function
from runstream_service.engine.statements import has_functions, in_texts, stream
from runstream_service.search.parse import ParseError
from runstream_service.search.tree import Condition

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


def sql_match(condition: Condition, column: Any) -> Any:
    """Return the expression that is true where the text of a column matches."""
    operator, pattern, escape = condition.operator, str(condition.operands[0]), condition.escape
    if has_functions():
        return fn.text_matches(operator, pattern, escape, column) == 1
    if operator == "LIKE":
        like, character = (Value(text, converter=False) for text in (pattern, escape))
        return NodeList((column, SQL("LIKE"), like, SQL("ESCAPE"), character), parens=True)
    return column.in_(in_texts(_matching_texts(condition, column)))


def _matching_texts(condition: Condition, column: Any) -> list[str]:
    """Return the texts of a column that match, for a database that cannot ask RE2.

    Raises:
        ResourceExhausted: they are more than an answer can hold.
    """
    table = getattr(column, "model", None) or column.node.model
    query = table.select(column).distinct()
    if condition.key.group in ("params", "tags"):
        query = query.where(table.key == condition.key.name)
    operator, pattern, escape = condition.operator, str(condition.operands[0]), condition.escape
    found, budget, rows = [], Budget(), stream(query)
    try:
        for row in rows:
            if match(operator, pattern, escape, row[0]):
                budget.charge([row], 0)
                found.append(row[0])
    except TooLargeError:
        raise ResourceExhausted(
            f"{pattern!r} matches more texts than can be held, which is {ANSWER_BYTES} bytes",
            reason="PATTERN_TOO_WIDE",
            field="filter",
            value=pattern,
            limit=ANSWER_BYTES,
        ) from None
    finally:
        rows.close()
    return found


@sql_function("text_matches", 4)
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
