"""The OpenAPI document: valid, complete, and true of the server, which no request makes fail."""

from __future__ import annotations

from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, settings
from openapi_spec_validator import validate
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from runstream_service.http.contract import Contract
from runstream_service.http.openapi import Document
from support.rest import ERROR_FIELDS, Rest

# Not that malformed requests are refused: null and numbers as texts are understood, too (W1).
CHECKS = [response_schema_conformance, status_code_conformance, content_type_conformance]

DOCUMENT = Document(Contract()).build()
schema = schemathesis.openapi.from_dict(DOCUMENT)


def test_the_document_is_valid_and_has_every_route(rest: Rest) -> None:
    served = rest.session.get(f"{rest.uri}/openapi.json").json()
    assert served == DOCUMENT
    validate(served)
    rpcs = Contract().rpcs
    assert sum(len(verbs) for verbs in served["paths"].values()) == len(rpcs)
    for path, verbs in served["paths"].items():
        for verb, operation in verbs.items():
            assert operation["summary"], (path, verb)
    for name, one in served["components"]["schemas"].items():
        for field, told in one.get("properties", {}).items():
            assert told["description"], (name, field)


def test_the_page_to_try_it_loads_from_here_alone(rest: Rest) -> None:
    page = rest.session.get(f"{rest.uri}/openapi").text
    assert "http:" not in page
    assert "https:" not in page
    for path in (
        "openapi/static/swagger-ui.css",
        "openapi/static/swagger-ui-bundle.js",
        "openapi/start.js",
    ):
        assert path in page
        assert rest.session.get(f"{rest.uri}/{path}").status_code == 200


@schema.parametrize()
@settings(
    max_examples=25,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_no_request_makes_the_server_fail(case: schemathesis.Case[Any], fuzzed: Rest) -> None:  # X2
    answer = case.call(base_url=fuzzed.uri, timeout=30)
    assert answer.status_code < 500, answer.text
    told = answer.json()
    if answer.status_code >= 400:
        assert set(told) == ERROR_FIELDS
    else:
        case.validate_response(answer, checks=CHECKS)
