"""Texts come back as they were logged, whatever they are, and are found by what they are."""

from __future__ import annotations

import random

import pytest

from runstream.v1.run_service_pb2 import CreateRunRequest, GetRunRequest, SearchRunsRequest
from support.api import Api, make_batch

TEXTS = {
    "empty": "",
    "nul": "a\0b\0",
    "last code point": "\U0010ffff0\0\U0010ffff1",
    "emoji": "é\u2028🙂" * 100,
    "too long for an index": "".join(random.Random(7).choices("abcdefghij", k=65_536)),
    "of four bytes": "".join(random.Random(7).choices("🙂🙃🚀🛸🧪🧬", k=65_536)),
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_a_param_and_a_tag_may_be_any_text(shared: Api, text: str) -> None:
    run_id = shared.create_run()
    (answer,) = shared.log_batches([make_batch(run_id, [], [("p", text)], [("t", text)])])
    assert not answer.HasField("error"), answer.error.message
    data = shared.runs.GetRun(GetRunRequest(run_id=run_id)).run.data
    assert {param.key: param.value for param in data.params} == {"p": text}
    assert {tag.key: tag.value for tag in data.tags}["t"] == text


def test_a_name_with_nul_is_found_by_it(shared: Api) -> None:
    run_id = shared.runs.CreateRun(CreateRunRequest(run_name="a\0b")).run.info.run_id
    shared.runs.CreateRun(CreateRunRequest(run_name="a\0c"))
    found = shared.runs.SearchRuns(SearchRunsRequest(filter="run_name = 'a\0b'")).runs
    assert [(run.info.run_id, run.info.run_name) for run in found] == [(run_id, "a\0b")]


def test_long_values_that_begin_alike_are_told_apart(shared: Api) -> None:
    runs = {}
    for end in "xyz":
        runs[end] = shared.create_run()
        shared.log_batches([make_batch(runs[end], [], [("alike", "v" * 1_000 + end)])])
    for operator, ends in (("= '{}x'", "x"), ("!= '{}x'", "yz"), ("IN ('{}x', '{}y')", "xy")):
        condition = f"params.alike {operator}".replace("{}", "v" * 1_000)
        found = shared.runs.SearchRuns(SearchRunsRequest(filter=condition)).runs
        assert {run.info.run_id for run in found} == {runs[end] for end in ends}
