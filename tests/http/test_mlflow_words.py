"""Errors have the words in which a server of MLflow 3.17 says them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from support.rest import Rest

INVALID, MISSING = "INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST"
DOCS = "See the API docs for more information about request parameters."


@pytest.fixture
def rest(fuzzed: Rest) -> Rest:
    return fuzzed


def change(kind: str) -> Callable[[Rest, str], tuple[str, Any]]:
    def said(rest: Rest, run_id: str) -> tuple[str, Any]:
        rest.post("runs/log-parameter", run_id=run_id, key="p", value="1")
        if kind == "one":
            return "runs/log-parameter", {"run_id": run_id, "key": "p", "value": "2"}
        return "runs/log-batch", {"run_id": run_id, "params": [{"key": "p", "value": "2"}]}

    return said


SENTENCES: dict[str, tuple[str | Callable[[Rest, str], tuple[str, Any]], Any, str]] = {
    "changed param": (
        change("one"),
        None,
        "Changing param values is not allowed. Param with key='p' was already logged with "
        "value='1' for run ID='{run}'. Attempted logging new value '2'.",
    ),
    "changed param in a batch": (
        change("batch"),
        None,
        "Changing param values is not allowed. Params were already logged='[{{'key': 'p', "
        "'old_value': '1', 'new_value': '2'}}]' for run ID='{run}'.",
    ),
    "doubled param": (
        "runs/log-batch",
        {"run_id": "{run}", "params": [{"key": "z", "value": "1"}, {"key": "z", "value": "1"}]},
        "Duplicate parameter keys have been submitted: ['z']. Please ensure the request contains "
        "only one param value per param key.",
    ),
    "no page token": (
        "runs/search",
        {"experiment_ids": ["0"], "page_token": "abc"},
        "Invalid page token, could not base64-decode",
    ),
    "page token of somebody else": (
        "runs/search",
        {"experiment_ids": ["0"], "page_token": "YWJj"},
        "Invalid page token, decoded value=b'abc'",
    ),
    "too long param key": (
        "runs/log-parameter",
        {"run_id": "{run}", "key": "a" * 251, "value": "1"},
        "'Param key' exceeds the maximum length of 250 characters",
    ),
    "too long metric key": (
        "runs/log-metric",
        {"run_id": "{run}", "key": "a" * 251, "value": 1, "timestamp": 1},
        "'Metric name' exceeds the maximum length of 250 characters",
    ),
    "too long tag key": (
        "runs/set-tag",
        {"run_id": "{run}", "key": "a" * 251, "value": "1"},
        "'key' exceeds the maximum length of 250 characters",
    ),
    "too long name": (
        "experiments/create",
        {"name": "a" * 501},
        "'name' exceeds the maximum length of 500 characters",
    ),
    "both names": (
        "runs/create",
        {
            "experiment_id": "0",
            "run_name": "a",
            "tags": [{"key": "mlflow.runName", "value": "b"}],
        },
        "Both 'run_name' argument and 'mlflow.runName' tag are specified, but with different "
        "values (run_name='a', mlflow.runName='b').",
    ),
    "attribute of a filter": (
        "experiments/search",
        {"filter": "foo = 'x'", "max_results": 5},
        "Invalid attribute key 'foo' specified. Valid keys are '{{'name', 'experiment_id', "
        "'creation_time', 'last_update_time'}}'",
    ),
    "attribute of an order": (
        "experiments/search",
        {"order_by": ["foo"], "max_results": 5},
        "Invalid attribute key 'foo' specified. Valid keys are '{{'name', 'experiment_id', "
        "'creation_time', 'last_update_time'}}'",
    ),
    "key that is a path": (
        "runs/set-tag",
        {"run_id": "{run}", "key": "a//b", "value": "x"},
        """Invalid value "a//b" for parameter 'key' supplied: Names may be treated as files in """
        "certain cases, and must not resolve to other names when treated as such. This name would "
        "resolve to 'a/b'",
    ),
    "missing value": (
        "runs/log-batch",
        {"run_id": "{run}", "metrics": [{"key": "a", "value": 1}]},
        f"Missing value for required parameter 'metrics[0].timestamp'. {DOCS}",
    ),
    "value of another type": (
        "runs/set-tag",
        {"run_id": "{run}", "key": "a", "value": 5},
        f"Invalid value 5 for parameter 'value' supplied:  Hint: Value was of type 'int'. {DOCS}",
    ),
    "page that is too long": (
        "experiments/search",
        {"max_results": 50_001},
        "Invalid value 50001 for parameter 'max_results' supplied. It must be at most 50000",
    ),
}


@pytest.mark.parametrize("case", SENTENCES)
def test_the_words_are_mlflows_where_the_rule_is(rest: Rest, run_id: str, case: str) -> None:  # X6
    said, body, text = SENTENCES[case]
    if not isinstance(said, str):
        said, body = said(rest, run_id)
    if "run_id" in body:
        body = body | {"run_id": run_id}
    answer = rest.refusal("POST", said, json=body)
    assert answer == (400, INVALID, text.format(run=run_id))


def test_the_words_for_models_and_what_is_deleted_are_mlflows(rest: Rest, run_id: str) -> None:
    model = rest.post("logged-models", experiment_id="0")["model"]["info"]["model_id"]
    text = f"No tag with key 'zz' found for model with ID '{model}'."
    assert rest.refusal("DELETE", f"logged-models/{model}/tags/zz") == (404, MISSING, text)
    rest.post("runs/delete", run_id=run_id)
    said = {"run_id": run_id, "key": "a", "value": "b"}
    text = f"The run {run_id} must be in the 'active' state. Current state is deleted."
    assert rest.refusal("POST", "runs/set-tag", json=said) == (400, INVALID, text)
