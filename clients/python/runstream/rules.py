"""What a key, a value and a time may be: rows E2, E4, M1, M2, P2 and R1 of docs/behaviour.md.

The client checks before it queues, so that the caller learns at once; the server checks again,
because not every caller uses this client. Each function raises `InvalidArgument` naming the
field, the value and the limit, and returns nothing otherwise.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from runstream.errors import InvalidArgument

KEY_CHARACTERS: Final = 250
EXPERIMENT_NAME_CHARACTERS: Final = 500
EXPERIMENT_TAG_CHARACTERS: Final = 20_000
VALUE_CHARACTERS: Final = 65_536
MESSAGE_BYTES: Final = 4 * 1024 * 1024
INT64_MIN: Final = -(2**63)
INT64_MAX: Final = 2**63 - 1

_KEY = re.compile(r"[\w\-./: ]+")
_RUN_ID = re.compile(r"[0-9a-f]{32}")


@lru_cache(10_000)  # the same few keys come in batch after batch
def check_key(field: str, key: str) -> None:
    """Check the key of a metric, a param or a tag (M1)."""
    if not key:
        raise InvalidArgument(
            f"Missing value for required parameter '{field}'", reason="KEY_EMPTY", field=field
        )
    if len(key) > KEY_CHARACTERS:
        raise InvalidArgument(
            f"{field} has {len(key)} characters, the limit is {KEY_CHARACTERS}: {key[:50]!r}…",
            reason="KEY_TOO_LONG",
            field=field,
            value=key,
            limit=KEY_CHARACTERS,
        )
    if not _KEY.fullmatch(key):
        raise InvalidArgument(
            f"Invalid value {key!r} for parameter '{field}' supplied: "
            "letters, digits, _ - . / : and space are allowed",
            reason="KEY_MALFORMED",
            field=field,
            value=key,
            limit="letters, digits, _ - . / : and space",
        )
    if not {"", ".", ".."}.isdisjoint(key.split("/")):
        raise InvalidArgument(
            f"Invalid value {key!r} for parameter '{field}' supplied: "
            "between slashes there must be a name, and not . or ..",
            reason="KEY_MALFORMED",
            field=field,
            value=key,
            limit="no leading, trailing or double slash, no part . or ..",
        )


def check_text(field: str, value: str, limit: int = VALUE_CHARACTERS) -> None:
    """Check that a text has at most `limit` characters and is Unicode (P2, E4)."""
    if len(value) > limit:
        raise InvalidArgument(
            f"{field} has {len(value)} characters, the limit is {limit}: {value[:50]!r}…",
            reason="VALUE_TOO_LONG",
            field=field,
            value=value,
            limit=limit,
        )
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise InvalidArgument(
            f"{field} has a lone surrogate at character {error.start}, which is not Unicode text",
            reason="VALUE_NOT_UNICODE",
            field=field,
            value=ascii(value),
            limit="Unicode text",
        ) from None


def check_timestamp(field: str, timestamp: int) -> None:
    """Check milliseconds since the epoch: 0 to 2⁶³-1 (M2)."""
    if not 0 <= timestamp <= INT64_MAX:
        raise InvalidArgument(
            f"Invalid value {timestamp} for parameter '{field}' supplied: "
            f"it must be 0 to {INT64_MAX} milliseconds since the epoch",
            reason="TIMESTAMP_OUT_OF_RANGE",
            field=field,
            value=timestamp,
            limit=f"0 to {INT64_MAX}",
        )


def check_step(field: str, step: int) -> None:
    """Check a training step: any 64-bit integer (M2)."""
    if not INT64_MIN <= step <= INT64_MAX:
        raise InvalidArgument(
            f"Invalid value {step} for parameter '{field}' supplied: it must fit in 64 bits",
            reason="STEP_OUT_OF_RANGE",
            field=field,
            value=step,
            limit=f"{INT64_MIN} to {INT64_MAX}",
        )


def check_experiment_name(field: str, name: str) -> None:
    """Check the name of an experiment: 1 to 500 characters (E2)."""
    if not name.strip():
        raise InvalidArgument(
            f"Missing value for required parameter '{field}'", reason="NAME_EMPTY", field=field
        )
    check_text(field, name, EXPERIMENT_NAME_CHARACTERS)


def check_run_id(field: str, run_id: str) -> None:
    """Check a run id: 32 lower-case hexadecimal digits (R1)."""
    if not _RUN_ID.fullmatch(run_id):
        raise InvalidArgument(
            f"Invalid value {run_id!r} for parameter '{field}' supplied: "
            "it must be 32 lower-case hexadecimal digits",
            reason="RUN_ID_MALFORMED",
            field=field,
            value=run_id,
            limit="32 lower-case hexadecimal digits",
        )
