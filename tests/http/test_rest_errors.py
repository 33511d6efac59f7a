"""An error over REST has the status, the code and the text that MLflow's tools match."""

from __future__ import annotations

import json
from typing import Any

import pytest

from support.rest import ERROR_FIELDS, Rest

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
    "POST webhooks": ({}, 501, "NOT_IMPLEMENTED", "does not have webhooks"),
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


PROXY = "/api/2.0/mlflow-artifacts/artifacts/0/nothing"
OURS = "/api/1.0/runstream/"
# What programs are told of an error, whichever route it comes from.
REASONS: dict[str, tuple[dict[str, Any], str, dict[str, str]]] = {
    "POST /api/2.0/mlflow/runs/search": (
        {"json": {"filter": "metrics.loss <"}},
        "FILTER_MALFORMED",
        {"field": "filter", "value": "metrics.loss <", "column": "15", "found": "the end"},
    ),
    f"POST {OURS}documents": (
        {"json": {"experiment_id": "0", "kind": 1, "title": "a" * 251}},
        "VALUE_TOO_LONG",
        {"field": "title", "limit": "250"},
    ),
    f"GET {OURS}metrics/history/stream": (
        {"params": {"run_ids": NO_RUN, "metric_keys": "a"}},
        "RUN_NOT_FOUND",
        {"field": "run_id", "value": NO_RUN},
    ),
    f"GET {OURS}metrics/history/csv": (
        {"params": {"run_ids": NO_RUN, "metric_keys": "a", "max_points": "1"}},
        "MAX_POINTS_OUT_OF_RANGE",
        {"field": "max_points", "value": "1"},
    ),
    f"GET {OURS}watch/stream": ({}, "NOTHING_NAMED", {"field": "run_ids"}),
    f"GET {OURS}artifacts/file": ({}, "FIELD_MISSING", {"field": "run_id"}),
    f"GET {PROXY}": ({}, "ARTIFACT_NOT_FOUND", {"field": "path"}),
    "POST /api/2.0/mlflow/webhooks": (
        {},
        "UNIMPLEMENTED",
        {"field": "path", "value": "/api/2.0/mlflow/webhooks"},
    ),
    "POST /nothing": ({}, "ENDPOINT_NOT_FOUND", {"field": "path", "value": "/nothing"}),
    "POST /api/2.0/mlflow/runs/create": (
        {"data": b"{", "headers": {"content-encoding": "br"}},
        "CONTENT_ENCODING_UNKNOWN",
        {"field": "Content-Encoding", "value": "br"},
    ),
    "POST /sign-out": (
        {"headers": {"origin": "https://evil.example"}},
        "ORIGIN_FOREIGN",
        {"field": "Origin", "value": "https://evil.example"},
    ),
}


@pytest.mark.parametrize("route", REASONS)
def test_an_error_has_the_reason_and_the_particulars_that_it_has_over_grpc(
    fuzzed: Rest, route: str
) -> None:  # X2
    arguments, reason, metadata = REASONS[route]
    method, path = route.split()
    answer = fuzzed.session.request(method, fuzzed.uri + path, **arguments)
    error = answer.json()
    assert set(error) == ERROR_FIELDS
    assert error["reason"] == reason, error
    assert error["metadata"].items() >= metadata.items(), error


def test_a_refused_line_has_reason_and_particulars(fuzzed: Rest) -> None:  # X2, X4
    url = f"{fuzzed.uri}{OURS}logs/stream"
    line = json.dumps({"run_id": NO_RUN, "tags": [{"key": "a", "value": "b"}]})
    refused, malformed = sorted(
        fuzzed.session.post(url, data=f"{line}\n{{").json()["refusals"], key=lambda one: one["line"]
    )
    assert (refused["error_code"], refused["reason"]) == (MISSING, "RUN_NOT_FOUND")
    assert refused["metadata"]["value"] == NO_RUN
    assert (malformed["error_code"], malformed["reason"]) == ("BAD_REQUEST", "BODY_MALFORMED")


@pytest.mark.parametrize("body", [b"{", b"[1", b"\xff", b"[" * 100_000])
def test_a_body_that_is_no_json_is_a_bad_request(rest: Rest, body: bytes) -> None:  # X2
    status, code, message = rest.refusal("POST", "runs/create", data=body)
    assert (status, code) == (400, "BAD_REQUEST")
    assert "not JSON" in message


POINT = {"keys": ["a"], "counts": [1], "step": [1], "timestamp": [1], "value": [0.5]}
MALFORMED_TABLES: dict[str, tuple[dict[str, Any], str]] = {
    "columns of several lengths": ({"step": [1, 2]}, "metrics of the table is malformed"),
    "counts that add up to less": ({"step": [1, 2], "timestamp": [1, 2]}, "counts add up to, 1"),
    "counts that add up to more": ({"counts": [2**32 - 1]}, "counts add up to, 4294967295"),
    "no count of a key": ({"keys": ["a", "b"]}, "metrics.counts of the table is malformed"),
    "a count of no points": (
        {"keys": ["a", "b"], "counts": [1, 0]},
        "metrics.counts of the table is malformed: 0",
    ),
    "a count that is no count": ({"counts": [2**32]}, "parameter 'table.counts[0]' supplied"),
    "a negative count": ({"counts": [-1]}, "parameter 'table.counts[0]' supplied"),
    "a key twice": (
        {"keys": ["a", "a"], "counts": [1, 1]}
        | {column: [1, 2] for column in ("step", "timestamp", "value")},
        "metrics.keys of the table is malformed",
    ),
    "a step beyond 64 bits": ({"step": [2**63]}, "parameter 'table.step[0]' supplied"),
    "a negative timestamp": ({"timestamp": [-1]}, "-1"),
}


@pytest.mark.parametrize("name", MALFORMED_TABLES)
def test_a_malformed_table_is_refused_and_stores_nothing(rest: Rest, name: str) -> None:  # P5
    fields, text = MALFORMED_TABLES[name]
    run_id = rest.create_run()
    said = {"run_id": run_id, "table": POINT | fields}
    status, code, message = rest.refusal("POST", "runs/log-batch", json=said)
    assert (status, code) == (400, INVALID)
    assert text in message
    assert "metrics" not in rest.get("runs/get", run_id=run_id)["run"]["data"]
