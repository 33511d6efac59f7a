"""An error over REST has the status, the code and the text that MLflow's tools match."""

from __future__ import annotations

from typing import Any

import pytest

from support.rest import Rest

NO_RUN = "f" * 32
INVALID, MISSING = "INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST"
REFUSALS: dict[str, tuple[dict[str, Any], int, str, str]] = {
    "GET runs/get": ({"run_id": NO_RUN}, 404, MISSING, f"Run with id={NO_RUN} not found"),
    "GET runs/get?": ({}, 400, INVALID, "Missing value for required parameter 'run_id'"),
    "GET experiments/get": ({"experiment_id": "9"}, 404, MISSING, "No Experiment with id=9 exists"),
    "POST experiments/create": (
        {"name": "Default"},
        400,
        "RESOURCE_ALREADY_EXISTS",
        "Experiment(name=Default) already exists",
    ),
    "POST experiments/create?": (
        {"name": 7},
        400,
        INVALID,
        "Invalid value 7 for parameter 'name' supplied",
    ),
    "POST runs/log-batch": (
        {"run_id": NO_RUN, "metrics": [{"key": "k", "value": 1}]},
        400,
        INVALID,
        "Missing value for required parameter 'metrics[0].timestamp'",
    ),
    "POST runs/log-batch?": (
        {"run_id": NO_RUN, "metrics": [{"key": "k", "value": "x", "timestamp": 1}]},
        400,
        INVALID,
        """Invalid value "x" for parameter 'metrics[0].value' supplied""",
    ),
    "POST runs/delete-tag": (
        {"run_id": NO_RUN, "key": "k"},
        404,
        MISSING,
        f"Run with id={NO_RUN} not found",
    ),
    "POST runs/search": ({"filter": "metrics.loss <"}, 400, INVALID, "at column 15"),
    "POST runs/search?": (
        {"order_by": "metrics.loss"},
        400,
        INVALID,
        """Invalid value "metrics.loss" for parameter 'order_by' supplied""",
    ),
    "POST registered-models/create": ({}, 501, "NOT_IMPLEMENTED", "does not have a model registry"),
    "POST runs/nothing": ({}, 404, "ENDPOINT_NOT_FOUND", "POST /api/2.0/mlflow/runs/nothing"),
    "GET runs/create": ({}, 405, "ENDPOINT_NOT_FOUND", "GET /api/2.0/mlflow/runs/create"),
}


@pytest.mark.parametrize("route", REFUSALS)
def test_an_error_has_the_code_and_text_that_mlflows_tools_match(
    rest: Rest, route: str
) -> None:  # X2, X3
    said, *expected, text = REFUSALS[route]
    method, path = route.rstrip("?").split()
    arguments = {"params": said} if method == "GET" else {"json": said}
    status, code, message = rest.refusal(method, path, **arguments)
    assert [status, code] == expected
    assert text in message


@pytest.mark.parametrize("body", [b"{", b"[1", b"\xff", b"[" * 100_000])
def test_a_body_that_is_no_json_is_a_bad_request(rest: Rest, body: bytes) -> None:  # X2
    status, code, message = rest.refusal("POST", "runs/create", data=body)
    assert (status, code) == (400, "BAD_REQUEST")
    assert "not JSON" in message
