"""Checks of keys, values and times: rows E2, E4, M1, M2, P2, P4 and R1 of docs/behaviour.md.

The client checks before it queues, so that the caller learns at once; the server checks again,
because not every caller uses this client. Each function raises `InvalidArgument` naming the
field, the value and the limit, and returns nothing otherwise.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from runstream.errors import InvalidArgument, shorten

KEY_CHARACTERS: Final = 250
EXPERIMENT_NAME_CHARACTERS: Final = 500
USER_NAME_CHARACTERS: Final = 250
TITLE_CHARACTERS: Final = 250
ALERT_TEXT_CHARACTERS: Final = 10_000
VIEW_CHARACTERS: Final = 250_000
REPORT_CHARACTERS: Final = 1_000_000
EXPERIMENT_TAG_CHARACTERS: Final = 20_000
VALUE_CHARACTERS: Final = 65_536
DATASET_CHARACTERS: Final = {
    "name": 500,
    "digest": 36,
    "source": 65_535,
    "schema": 1_048_575,
    "profile": 16_777_215,
}
INPUT_TAG_KEY_CHARACTERS: Final = 255
INPUT_TAG_VALUE_CHARACTERS: Final = 500
MODEL_ID_CHARACTERS: Final = 255
ARTIFACT_PATH_BYTES: Final = 1_000
ARTIFACT_NAME_BYTES: Final = 255
MESSAGE_BYTES: Final = 4 * 1024 * 1024
INT64_MIN: Final = -(2**63)
INT64_MAX: Final = 2**63 - 1

# Control characters, lone surrogates, and the separators of lines and paragraphs.
FORBIDDEN_IN_KEY = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_LOGGED_MODEL = re.compile(r"m-[0-9a-f]{32}")
_HEXADECIMAL = re.compile(r"[0-9a-f]+")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


# Numbers as Python, Java, R and JSON write them, but neither `0x10` nor `1_000`.
_NUMBER = re.compile(
    r"[+-]?(?:(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?|nan|inf(?:inity)?)", re.ASCII | re.IGNORECASE
)
_WHITE_SPACE: Final = " \t\n\r\f\v"
_FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")  # noqa: RUF001 # those in full width


def number_text(text: str) -> str | None:
    """Return the text of a number without the white space around it; None if it is no number.

    A param is a number under the same rules as a number in a filter (S2).
    """
    digits = text.strip(_WHITE_SPACE)
    found = _NUMBER.match(digits)
    # `fullmatch` would backtrack over a long text that is no number.
    return digits if found and found.end() == len(digits) else None


def escape_formula(text: str) -> str:
    """Return a text for a cell of CSV, with a `'` before it if a spreadsheet would run it.

    A text that begins with `'` and then like a formula gets one more, so that removing one `'`
    always gives the text again.
    """
    return f"'{text}" if _FORMULA.match(text) and not number_text(text) else text


def check_key(field: str, key: str) -> None:
    """Check the key of a metric, a param or a tag (M1)."""
    if not isinstance(key, str):
        raise InvalidArgument(
            f"Invalid value {key!r} for parameter '{field}' supplied: "
            f"it must be a text, not {type(key).__name__}",
            reason="KEY_NOT_TEXT",
            field=field,
            value=key,
            limit="a text",
        )
    _check_text_key(field, key)


@lru_cache(10_000)  # the same few keys come in batch after batch
def _check_text_key(field: str, key: str) -> None:
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
    if found := FORBIDDEN_IN_KEY.search(key):
        raise InvalidArgument(
            f"Invalid value {key!r} for parameter '{field}' supplied: {found[0]!a} is a control "
            "character, a line separator or a lone surrogate, which no key may have",
            reason="KEY_MALFORMED",
            field=field,
            value=ascii(key),
            limit="no control characters, line separators or lone surrogates",
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


def check_title(field: str, title: str) -> None:
    """Check the title of a document or an alert: 1 to 250 characters, none for control (V1)."""
    if not title.strip():
        raise InvalidArgument(
            f"Missing value for required parameter '{field}'", reason="TITLE_EMPTY", field=field
        )
    check_text(field, title, TITLE_CHARACTERS)
    if FORBIDDEN_IN_KEY.search(title):
        raise InvalidArgument(
            f"Invalid value {title!a} for parameter '{field}' supplied: a title has no control "
            "characters",
            reason="TITLE_MALFORMED",
            field=field,
            value=ascii(title),
            limit="no control characters",
        )


def check_document_id(field: str, document_id: str) -> None:
    """Check the id of a document: 32 lower-case hexadecimal digits."""
    _check_hexadecimal(field, document_id, 32, "DOCUMENT_ID_MALFORMED")


def check_alert_rule_id(field: str, rule_id: str) -> None:
    """Check the id of a rule of alerts: 32 lower-case hexadecimal digits."""
    _check_hexadecimal(field, rule_id, 32, "ALERT_RULE_ID_MALFORMED")


def check_user_name(field: str, name: str) -> None:
    """Check the name of a user: 1 to 250 characters, none for control, no space at its ends."""
    if not name.strip():
        raise InvalidArgument(
            f"Missing value for required parameter '{field}'", reason="NAME_EMPTY", field=field
        )
    check_text(field, name, USER_NAME_CHARACTERS)
    if name != name.strip() or FORBIDDEN_IN_KEY.search(name):
        raise InvalidArgument(
            f"Invalid value {name!a} for parameter '{field}' supplied: a name of a user has no "
            "control characters, and neither begins nor ends with a space",
            reason="NAME_MALFORMED",
            field=field,
            value=ascii(name),
            limit="no control characters, no space at its ends",
        )


def check_grantee(field: str, grantee: str) -> None:
    """Check to whom something is granted: `user:` or `group:`, and a name as that of a user."""
    kind, colon, name = grantee.partition(":")
    if not colon or kind not in ("user", "group"):
        raise InvalidArgument(
            f"Invalid value {shorten(grantee)!a} for parameter '{field}' supplied: it must be "
            "user:NAME or group:NAME",
            reason="GRANTEE_MALFORMED",
            field=field,
            value=ascii(grantee),
            limit="user:NAME or group:NAME",
        )
    check_user_name(field, name)


def check_run_id(field: str, run_id: str) -> None:
    """Check a run id: 32 lower-case hexadecimal digits (R1)."""
    _check_hexadecimal(field, run_id, 32, "RUN_ID_MALFORMED")


def check_logged_model_id(field: str, model_id: str) -> None:
    """Check the id of a logged model: `m-` and 32 lower-case hexadecimal digits."""
    if not _LOGGED_MODEL.fullmatch(model_id):
        raise InvalidArgument(
            f"Invalid value {shorten(model_id)!a} for parameter '{field}' supplied: "
            "it must be m- and 32 lower-case hexadecimal digits",
            reason="MODEL_ID_MALFORMED",
            field=field,
            value=ascii(model_id),
            limit="m- and 32 lower-case hexadecimal digits",
        )


def check_upload_id(field: str, upload_id: str) -> None:
    """Check the id of an upload: 32 lower-case hexadecimal digits."""
    _check_hexadecimal(field, upload_id, 32, "UPLOAD_ID_MALFORMED")


def check_write_id(field: str, writer: str, sequence: int) -> None:
    """Check the id of a write: 32 lower-case hexadecimal digits, and 1 to 2⁶³-1 (P3)."""
    _check_hexadecimal(f"{field}.writer", writer, 32, "WRITER_MALFORMED")
    if not 1 <= sequence <= INT64_MAX:
        raise InvalidArgument(
            f"Invalid value {sequence} for parameter '{field}.sequence' supplied: "
            f"it must be 1 to {INT64_MAX}",
            reason="SEQUENCE_OUT_OF_RANGE",
            field=f"{field}.sequence",
            value=sequence,
            limit=f"1 to {INT64_MAX}",
        )


def check_sha256(field: str, digest: str) -> None:
    """Check the form of a SHA-256: 64 lower-case hexadecimal digits."""
    _check_hexadecimal(field, digest, 64, "SHA256_MALFORMED")


def check_artifact_path(field: str, path: str) -> None:
    """Check the path of a file or folder below the artifacts of a run.

    1 to 1,000 bytes in UTF-8, in parts of 1 to 255 bytes with `/` between them, none of them `.`
    or `..`; no backslash and no control character.
    """
    if not path:
        raise InvalidArgument(
            f"Missing value for required parameter '{field}'", reason="PATH_MALFORMED", field=field
        )
    encoded = path.encode(errors="surrogatepass")
    parts = path.split("/")
    for broken, limit in (
        (len(encoded) > ARTIFACT_PATH_BYTES, f"at most {ARTIFACT_PATH_BYTES} bytes of UTF-8"),
        (_SURROGATE.search(path), "Unicode text, without lone surrogates"),
        (path.startswith("/"), "relative to the artifacts of the run"),
        ("" in parts, "without an empty part"),
        (not {".", ".."}.isdisjoint(parts), "without a part . or .."),
        ("\\" in path, "without a backslash"),
        (_CONTROL.search(path), "without control characters"),
        (
            max(map(len, encoded.split(b"/"))) > ARTIFACT_NAME_BYTES,
            f"of parts of at most {ARTIFACT_NAME_BYTES} bytes of UTF-8",
        ),
    ):
        if broken:
            raise InvalidArgument(
                f"Invalid value {path[:100]!a} for parameter '{field}' supplied: "
                f"it must be {limit}",
                reason="PATH_MALFORMED",
                field=field,
                value=ascii(path),
                limit=limit,
            )


def _check_hexadecimal(field: str, value: str, digits: int, reason: str) -> None:
    if not isinstance(value, str) or len(value) != digits or not _HEXADECIMAL.fullmatch(value):
        raise InvalidArgument(
            f"Invalid value {value!r} for parameter '{field}' supplied: "
            f"it must be {digits} lower-case hexadecimal digits",
            reason=reason,
            field=field,
            value=value,
            limit=f"{digits} lower-case hexadecimal digits",
        )


def check_dataset_field(field: str, name: str, value: str) -> None:
    """Check the field `name` of a dataset; its name and its digest must not be empty (P4)."""
    if not value and name in ("name", "digest"):
        raise InvalidArgument(
            f"Missing value for required parameter '{field}'", reason="DATASET_EMPTY", field=field
        )
    check_text(field, value, DATASET_CHARACTERS.get(name, VALUE_CHARACTERS))


def check_model_id(field: str, model_id: str) -> None:
    """Check the id of a model."""
    if not model_id:
        raise InvalidArgument(
            f"Missing value for required parameter '{field}'", reason="ID_EMPTY", field=field
        )
    check_text(field, model_id, MODEL_ID_CHARACTERS)


def check_input_tag(field: str, key: str, value: str) -> None:
    """Check a tag of the use of a dataset (P4)."""
    if not key:
        raise InvalidArgument(
            f"Missing value for required parameter '{field}'", reason="KEY_EMPTY", field=field
        )
    check_text(field, key, INPUT_TAG_KEY_CHARACTERS)
    check_text(f"{field}.{key}", value, INPUT_TAG_VALUE_CHARACTERS)
