"""MLflow's sentence for an error whose rule is MLflow's (X6 of docs/behaviour.md).

People search for these, and tools match them. gRPC, and the routes that are ours alone, keep the
sentence that the error has. The particulars of an error may be shortened (X1).
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
# What MLflow calls the keys of what is logged.
_LONG_KEYS = {"metrics.key": "Metric name", "params.key": "Param key"}
_KEYS = {"metrics.key": "name"}


def mlflow_sentence(error: RunstreamError, path: str) -> str:
    """Return what MLflow says of an error at a path of its API; else what we say.

    Args:
        error: the error.
        path: path of the request.
    """
    sentence = _SENTENCES.get(error.reason)
    found = sentence(error.metadata, path) if sentence else None
    return error.message if found is None else found


def _missing(of: dict[str, str], path: str) -> str:
    return f"Missing value for required parameter '{_name(of['field'])}'. {_DOCS}"


def _malformed(of: dict[str, str], path: str) -> str | None:
    if of["limit"].startswith("Unicode text"):
        return None  # MLflow has no such rule
    value = _json(of["value"]) if of["type"] == "str" else of["value"]
    start = f"Invalid value {value} for parameter '{of['field']}' supplied"
    if of["limit"].startswith("of the form"):
        return f"{start}."
    return f"{start}:  Hint: Value was of type '{of['type']}'. {_DOCS}"


def _key_too_long(of: dict[str, str], path: str) -> str:
    name = _LONG_KEYS.get(of["field"], "key")
    return f"'{name}' exceeds the maximum length of {of['limit']} characters"


def _value_too_long(of: dict[str, str], path: str) -> str | None:
    if of["limit"] == str(VALUE_CHARACTERS):  # where MLflow has another limit, or none
        return None
    name = "value" if of["field"].startswith("tags.") else of["field"].rpartition(".")[2]
    return f"'{name}' exceeds the maximum length of {of['limit']} characters"


def _key_malformed(of: dict[str, str], path: str) -> str | None:
    resolved = posixpath.normpath(of["value"])
    if resolved == of["value"] and not resolved.startswith((".", "/")):
        return None  # a character that MLflow does not allow either, but it allows less
    return (
        f"Invalid value {_json(of['value'])} for parameter '{_name(of['field'])}' supplied: "
        "Names may be treated as files in certain cases, and must not resolve to other names when "
        f"treated as such. This name would resolve to {resolved!r}"
    )


def _param_immutable(of: dict[str, str], path: str) -> str | None:
    if "run_id" not in of:  # of a logged model
        return None
    key = of["field"].removeprefix("params.")
    old, new, run_id = of["old"], of["new"], of["run_id"]
    start = "Changing param values is not allowed."
    if path.endswith("/log-parameter"):
        return (
            f"{start} Param with key='{key}' was already logged with value='{old}' "
            f"for run ID='{run_id}'. Attempted logging new value '{new}'."
        )
    change = {"key": key, "old_value": old, "new_value": new}
    return f"{start} Params were already logged='{[change]}' for run ID='{run_id}'."


def _param_repeated(of: dict[str, str], path: str) -> str:
    return (
        f"Duplicate parameter keys have been submitted: {[of['value']]}. Please ensure "
        "the request contains only one param value per param key."
    )


def _run_names(of: dict[str, str], path: str) -> str:
    return (
        "Both 'run_name' argument and 'mlflow.runName' tag are specified, but with different "
        f"values (run_name='{of['value']}', mlflow.runName='{of['tag']}')."
    )


def _page_token(of: dict[str, str], path: str) -> str:
    try:
        decoded = b64decode(of["value"].strip("'"), validate=True)
    except ValueError:
        return "Invalid page token, could not base64-decode"
    return f"Invalid page token, decoded value={decoded!r}"


def _page_size(of: dict[str, str], path: str) -> str:
    start = f"Invalid value {of['value']} for parameter 'max_results' supplied."
    if of["value"].startswith("-"):
        return f"{start} It must be a positive integer"
    return f"{start} It must be at most {of['limit']}"


def _attribute(of: dict[str, str], path: str) -> str | None:
    if "attribute" not in of:
        return None
    valid = ", ".join(repr(name) for name in of["expected"].split(" or "))
    return f"Invalid attribute key '{of['attribute']}' specified. Valid keys are '{{{valid}}}'"


def _inactive(what: str) -> Callable[[dict[str, str], str], str]:
    def sentence(of: dict[str, str], path: str) -> str:
        return f"The {what} {of['value']} must be in the 'active' state. Current state is deleted."

    return sentence


def _timestamp(of: dict[str, str], path: str) -> str:
    return (
        f"Invalid value {of['value']} for parameter 'timestamp' supplied: "
        "Timestamp must be a nonnegative long (64-bit integer)"
    )


def _invalid_path(of: dict[str, str], path: str) -> str:
    return "Invalid path"


def _name(field: str) -> str:
    return _KEYS.get(field) or ("key" if field.endswith(".key") and "[" not in field else field)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


_SENTENCES: dict[str, Callable[[dict[str, str], str], str | None]] = {
    "FIELD_MISSING": _missing,
    "FIELD_MALFORMED": _malformed,
    "EXPERIMENT_IDS_MISSING": _missing,
    "KEY_EMPTY": _missing,
    "NAME_EMPTY": _missing,
    "KEY_TOO_LONG": _key_too_long,
    "VALUE_TOO_LONG": _value_too_long,
    "KEY_MALFORMED": _key_malformed,
    "TIMESTAMP_OUT_OF_RANGE": _timestamp,
    "PARAM_IMMUTABLE": _param_immutable,
    "PARAM_REPEATED": _param_repeated,
    "RUN_NAME_CONFLICT": _run_names,
    "PAGE_TOKEN_MISMATCH": _page_token,
    "PAGE_SIZE_OUT_OF_RANGE": _page_size,
    "FILTER_MALFORMED": _attribute,
    "ORDER_BY_MALFORMED": _attribute,
    "RUN_DELETED": _inactive("run"),
    "EXPERIMENT_DELETED": _inactive("experiment"),
    "PATH_MALFORMED": _invalid_path,
}
