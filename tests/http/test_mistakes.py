"""A caller's mistake is answered as what is wrong, and never as a fault of the server (X2)."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from support.rest import ERROR_FIELDS, Rest

DEEP = "[" * 1_000 + "]" * 1_000
SURROGATE = "a\ud800b"


def post(rest: Rest, path: str, body: bytes | str) -> tuple[int, str]:
    """Send a body as it is; return status and message of what must be a refusal."""
    content = body.encode() if isinstance(body, str) else body
    answer = rest.session.post(f"{rest.uri}/api/2.0/mlflow/{path}", data=content)
    told = answer.json()
    assert set(told) == ERROR_FIELDS, told
    assert len(answer.content) < 5_000
    return answer.status_code, told["message"]


def mistyped(told: str, field: str, type_: str) -> str:
    """MLflow's sentence for a value that is none of its field."""
    return (
        f"Invalid value {told} for parameter '{field}' supplied:  Hint: Value was of type "
        f"'{type_}'. See the API docs for more information about request parameters."
    )


def page_token_sentence(token: str) -> str:
    """MLflow's sentence for a page token that is none."""
    try:
        decoded = base64.b64decode(token, validate=True)
    except ValueError:
        decoded = None
    if decoded is None or len(token) > 200:  # what is shortened is not base64 any more
        return "Invalid page token, could not base64-decode"
    return f"Invalid page token, decoded value={decoded!r}"


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("experiments/create", {"name": SURROGATE}),
        ("experiments/create", {"name": "a", "tags": [{"key": "k", "value": SURROGATE}]}),
        ("runs/create", {"run_name": SURROGATE}),
        ("runs/set-tag", {"run_id": "0" * 32, "key": "k", "value": SURROGATE}),
        ("runs/search", {"filter": SURROGATE}),
        ("runs/search", {"page_token": SURROGATE}),
        ("runs/search", {"order_by": [SURROGATE]}),
    ],
)
def test_a_lone_surrogate_is_named_and_refused(fuzzed: Rest, path: str, said: Any) -> None:
    status, message = post(fuzzed, path, json.dumps(said))
    assert status == 400
    assert message.startswith(r"Invalid value '")
    assert r"\ud800" in message
    assert message.endswith("it must be Unicode text, without lone surrogates")


@pytest.mark.parametrize(
    ("status", "told", "type_"),
    [
        (99999999999, "99999999999", "int"),
        (-(2**31) - 1, "-2147483649", "int"),
        (2**63, "9223372036854775808", "int"),
        (10**300, "1e+300", "float"),
    ],
)
def test_an_enum_beyond_its_numbers_is_refused(
    fuzzed: Rest, status: int, told: str, type_: str
) -> None:
    said = {"run_id": "0" * 32, "status": status}
    assert post(fuzzed, "runs/update", json.dumps(said)) == (400, mistyped(told, "status", type_))


@pytest.mark.parametrize(
    "body",
    [
        f'{{"name": {DEEP}}}',
        f'{{"tags": {DEEP}}}',
        '{"name": ' + '{"a":' * 1_000 + "1" + "}" * 1_000 + "}",
        DEEP,
        "[" * 100_000,
        f'{{"name": {"9" * 100_000}}}',
        f'{{"name": [{",".join(["1"] * 100_000)}]}}',
    ],
)
def test_deep_and_long_values_are_told_shortened(fuzzed: Rest, body: str) -> None:
    status, message = post(fuzzed, "experiments/create", body)
    assert status == 400
    assert message.startswith(("Invalid value ", "The body is not JSON: "))


def test_a_number_of_very_many_digits_is_none(fuzzed: Rest) -> None:
    said = {"run_id": "0" * 32, "key": "k", "value": 1, "timestamp": "1" * 3_000_000}
    told = f'"{"1" * 200}… (3000000 characters)"'
    sentence = mistyped(told, "timestamp", "str")
    assert post(fuzzed, "runs/log-metric", json.dumps(said)) == (400, sentence)


def test_very_many_experiments_are_searched_for_datasets(fuzzed: Rest) -> None:
    ids = [str(number) for number in range(300_000)]
    assert fuzzed.post("experiments/search-datasets", experiment_ids=ids) == {}


def test_a_page_token_that_no_server_made_is_refused(rest: Rest) -> None:
    """Whatever it holds; and so is one that was made for another request."""
    for name in ("a", "b", "c"):
        rest.post("experiments/create", name=name)
    token = rest.post("experiments/search", max_results=2)["next_page_token"]
    assert rest.post("experiments/search", max_results=9, page_token=token)["experiments"]
    signed = base64.urlsafe_b64decode(token)
    texts = [DEEP, "null", "[NaN]", "[1e999]", "[[1], [2]]", '["a", "b"]', "[1, 2]", "{}", ""]
    made_up = [signed[:16] + text.encode() for text in texts] + [signed[:-2] + b"9]", b"", b"\xff"]
    tokens = [base64.urlsafe_b64encode(one).decode() for one in made_up if one]
    tokens += ["ü", "\0", "a", "A" * 100_000, token[:-4]]
    for one in tokens:
        answer = post(rest, "experiments/search", json.dumps({"page_token": one}))
        assert answer == (400, page_token_sentence(one)), one[:50]
    other = {"page_token": token, "filter": "name LIKE '%'"}
    answer = post(rest, "experiments/search", json.dumps(other))
    assert answer == (400, page_token_sentence(token))


def test_a_page_token_is_good_after_a_restart(rest: Rest, server: Any) -> None:
    for name in ("a", "b", "c"):
        rest.post("experiments/create", name=name)
    token = rest.post("experiments/search", max_results=2)["next_page_token"]
    rest.session.close()
    server.stop()
    rest.uri = server.restart().http
    following = rest.post("experiments/search", max_results=2, page_token=token)["experiments"]
    assert [experiment["name"] for experiment in following] == ["a", "Default"]


@pytest.mark.parametrize("origin", ["http://[", "http://[::1", "//", "", "\xff", "a" * 5_000])
def test_an_origin_that_is_no_address_is_another_site(fuzzed: Rest, origin: str) -> None:
    headers = {"origin": origin.encode("latin-1")}
    answer = fuzzed.session.post(
        f"{fuzzed.uri}/api/2.0/mlflow/runs/search", json={}, headers=headers
    )
    assert answer.status_code == 403


def test_a_path_that_is_no_route_is_told_shortened(fuzzed: Rest) -> None:
    answer = fuzzed.session.get(f"{fuzzed.uri}/{'a' * 30_000}")
    assert answer.status_code == 404
    assert len(answer.content) < 5_000
