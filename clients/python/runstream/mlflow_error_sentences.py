"""MLflow's sentence for an error whose rule is MLflow's (X6 of docs/behaviour.md).

People search for these, and tools match them. The server uses them on MLflow's routes of REST, and
`runstream.mlflow_plugin` in MLflow's own programs; everywhere else an error keeps the sentence that
it has. The particulars of an error may be shortened (X1).
"""

from __future__ import annotations

import json
import posixpath
from base64 import b64decode
from collections.abc import Callable
from typing import Any

from runstream.errors import RunstreamError
from runstream.rules import VALUE_CHARACTERS

_DOCS = "See the API docs for more information about request parameters."
# MLflow's names for the keys of metrics and params.
_LONG_KEYS = {"metrics.key": "Metric name", "params.key": "Param key"}
_KEYS = {"metrics.key": "name"}


def mlflow_message(error: RunstreamError, path: str = "") -> str:
    """Return what MLflow says of an error; else what we say.

    Args:
        error: the error.
        path: path of the request, over REST.
    """
    sentence = _SENTENCES.get(error.reason)
    if path.endswith("/log-parameter") and sentence is _params_immutable:
        sentence = _param_immutable
    found = sentence(error.metadata) if sentence else None
    return error.message if found is None else found


def _missing(metadata: dict[str, str]) -> str:
    return f"Missing value for required parameter '{_name(metadata['field'])}'. {_DOCS}"


def _malformed(metadata: dict[str, str]) -> str | None:
    if "type" not in metadata or metadata["limit"].startswith("Unicode text"):
        return None  # the client found it, or MLflow has no such rule
    value = _json(metadata["value"]) if metadata["type"] == "str" else metadata["value"]
    start = f"Invalid value {value} for parameter '{metadata['field']}' supplied"
    if metadata["limit"].startswith("of the form"):
        return f"{start}."
    return f"{start}:  Hint: Value was of type '{metadata['type']}'. {_DOCS}"


def _key_too_long(metadata: dict[str, str]) -> str:
    name = _LONG_KEYS.get(metadata["field"], "key")
    return f"'{name}' exceeds the maximum length of {metadata['limit']} characters"


def _value_too_long(metadata: dict[str, str]) -> str | None:
    if metadata["limit"] == str(VALUE_CHARACTERS):  # where MLflow has another limit, or none
        return None
    name = (
        "value" if metadata["field"].startswith("tags.") else metadata["field"].rpartition(".")[2]
    )
    return f"'{name}' exceeds the maximum length of {metadata['limit']} characters"


def _key_malformed(metadata: dict[str, str]) -> str | None:
    resolved = posixpath.normpath(metadata["value"])
    if resolved == metadata["value"] and not resolved.startswith((".", "/")):
        return None  # a character that MLflow does not allow either, but it allows less
    return (
        f"Invalid value {_json(metadata['value'])} for parameter '{_name(metadata['field'])}' "
        "supplied: Names may be treated as files in certain cases, and must not resolve to other "
        f"names when treated as such. This name would resolve to {resolved!r}"
    )


def _param_immutable(metadata: dict[str, str]) -> str | None:
    if "run_id" not in metadata:  # of a logged model
        return None
    key = metadata["field"].removeprefix("params.")
    return (
        f"Changing param values is not allowed. Param with key='{key}' was already logged with "
        f"value='{metadata['old']}' for run ID='{metadata['run_id']}'. "
        f"Attempted logging new value '{metadata['new']}'."
    )


def _params_immutable(metadata: dict[str, str]) -> str | None:
    if "run_id" not in metadata:  # of a logged model
        return None
    key = metadata["field"].removeprefix("params.")
    change = {"key": key, "old_value": metadata["old"], "new_value": metadata["new"]}
    return (
        "Changing param values is not allowed. "
        f"Params were already logged='{[change]}' for run ID='{metadata['run_id']}'."
    )


def _param_repeated(metadata: dict[str, str]) -> str:
    return (
        f"Duplicate parameter keys have been submitted: {[metadata['value']]}. Please ensure "
        "the request contains only one param value per param key."
    )


def _run_names(metadata: dict[str, str]) -> str:
    return (
        "Both 'run_name' argument and 'mlflow.runName' tag are specified, but with different "
        f"values (run_name='{metadata['value']}', mlflow.runName='{metadata['tag']}')."
    )


def _page_token(metadata: dict[str, str]) -> str:
    try:
        decoded = b64decode(metadata["value"].strip("'"), validate=True)
    except ValueError:
        return "Invalid page token, could not base64-decode"
    return f"Invalid page token, decoded value={decoded!r}"


def _page_size(metadata: dict[str, str]) -> str:
    start = f"Invalid value {metadata['value']} for parameter 'max_results' supplied."
    if metadata["value"].startswith("-"):
        return f"{start} It must be a positive integer"
    return f"{start} It must be at most {metadata['limit']}"


def _attribute(metadata: dict[str, str]) -> str | None:
    if "attribute" not in metadata:
        return None
    valid = ", ".join(repr(name) for name in metadata["expected"].split(" or "))
    return (
        f"Invalid attribute key '{metadata['attribute']}' specified. Valid keys are '{{{valid}}}'"
    )


def _inactive(what: str) -> Callable[[dict[str, str]], str]:
    def sentence(metadata: dict[str, str]) -> str:
        value = metadata["value"]
        return f"The {what} {value} must be in the 'active' state. Current state is deleted."

    return sentence


def _timestamp(metadata: dict[str, str]) -> str:
    return (
        f"Invalid value {metadata['value']} for parameter 'timestamp' supplied: "
        "Timestamp must be a nonnegative long (64-bit integer)"
    )


def _name(field: str) -> str:
    return _KEYS.get(field) or ("key" if field.endswith(".key") and "[" not in field else field)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


_SENTENCES: dict[str, Callable[[dict[str, str]], str | None]] = {
    "FIELD_MISSING": _missing,
    "FIELD_MALFORMED": _malformed,
    "EXPERIMENT_IDS_MISSING": _missing,
    "KEY_EMPTY": _missing,
    "NAME_EMPTY": _missing,
    "KEY_TOO_LONG": _key_too_long,
    "VALUE_TOO_LONG": _value_too_long,
    "KEY_MALFORMED": _key_malformed,
    "TIMESTAMP_OUT_OF_RANGE": _timestamp,
    "PARAM_IMMUTABLE": _params_immutable,
    "PARAM_REPEATED": _param_repeated,
    "RUN_NAME_CONFLICT": _run_names,
    "PAGE_TOKEN_MISMATCH": _page_token,
    "PAGE_SIZE_OUT_OF_RANGE": _page_size,
    "FILTER_MALFORMED": _attribute,
    "ORDER_BY_MALFORMED": _attribute,
    "RUN_DELETED": _inactive("run"),
    "EXPERIMENT_DELETED": _inactive("experiment"),
    "PATH_MALFORMED": lambda _: "Invalid path",
}
