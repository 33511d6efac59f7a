"""A filter finds the runs that it is true of, and a malformed one is refused (S1)."""

from __future__ import annotations

import grpc
import pytest

from runstream.v1.run_service_pb2 import (
    CountRunsRequest,
    SearchRunsRequest,
)
from support import vectors
from support.api import expect_refusal
from support.named_runs import NamedRuns


@pytest.mark.parametrize(
    ("condition", "names"),
    [
        ("metrics.loss < 0.5", "b e"),
        ("metrics.loss <= 0.5", "a b e"),
        ("metrics.loss > 0.25", "a d"),
        ("metrics.loss >= 5e-1", "a d"),
        ("metric.loss = .25", "b"),
        ("metrics.loss == 0.25", "b"),
        ("metrics.loss != 0.25", "a c d e"),
        ("metrics.loss <> 0.25", "a c d e"),
        ("metrics.loss = NaN", "c"),
        ("metrics.loss > nan", ""),
        ("metrics.loss < inf", "a b e"),
        ("metrics.loss = -Infinity", "e"),
        ("metrics.loss BETWEEN 0.25 AND 0.5", "a b"),
        ("metrics.loss not between 0.25 and 0.5", "c d e"),
        ("metrics.loss IN (0.5, nan)", "a c"),
        ("metrics.val/f1-score = 1", "a"),
        ("metrics.`val/f1-score` = 1", "a"),
        ('metrics."val/f1-score" = 1', "a"),
        ("metrics.other IS NULL", "a b c d"),
        ("metrics.other is not null", "e"),
        ("params.lr = '0.1'", "a"),
        ('param.lr = "0.1"', "a"),
        ("parameter.lr != '0.1'", "b c"),
        ("params.lr IN ('0.1', '0.01')", "a b"),
        ("params.lr NOT IN ('0.1', '0.01')", "c"),
        ("params.lr IS NULL", "d e"),
        ("params.lr > 0.01", "a"),
        ("params.lr = 1e-1", "a"),
        ("params.lr = '1e-1'", ""),
        ("params.lr IN (0.1, '0.01')", "a b"),
        ("params.lr NOT BETWEEN 0.01 AND 0.5", "c"),
        ("params.a.b != 0", "b"),
        ("params.a.b = 'it''s'", "b"),
        ("tags.team LIKE 'red'", "a"),
        ("tag.team ILIKE 'RED'", "a b"),
        ("tags.team LIKE '%e%'", "a b c"),
        ("tags.team NOT LIKE '%ed'", "c"),
        ("tags.team LIKE 'blue__'", "c"),
        ("tags.team LIKE 'blue!_1' escape '!'", "c"),
        ("tags.team NOT LIKE 'Blue\\_%' ESCAPE '\\'", "a b c"),
        ("tags.team NOT ILIKE 'Blue\\_%' ESCAPE '\\'", "a b"),
        ("tags.team LIKE '%_1' ESCAPE '%'", ""),
        ("tags.team RLIKE '^[rR]e'", "a b"),
        ("tags.`my tag` = 'x'", "a"),
        ('tags.note = "say ""hi"""', "d"),
        ("tags.mlflow.runName = 'd'", "d"),
        ("attributes.run_name = 'c'", "c"),
        ("attr.run_name IN ('c', 'd')", "c d"),
        ("run.status = 'RUNNING' and run_name LIKE '_' AND run_id != 'c'", "a b c d e"),
        ("status != 'RUNNING'", ""),
        ("status LIKE 'RUN%' AND start_time <= 2", "a b"),
        ("created >= 4", "d e"),
        ("start_time > 1.5", "b c d e"),
        ("start_time BETWEEN 1.5 AND 3.5 OR start_time = 5.0", "b c e"),
        ("start_time != nan", "a b c d e"),
        ("start_time >= nan", ""),
        ("start_time IN (nan, 2)", "b"),
        ("start_time < '1970-01-01T00:00:00.003'", "a b"),
        ("start_time = '1970-01-01 01:00:00.002+01:00'", "b"),
        ("start_time IN ('1970-01-01t00:00:00.002z', 4)", "b d"),
        ("start_time BETWEEN '1970-01-01' AND '1970-01-02'", "a b c d e"),
        ("start_time > '1970-01-01T00:00Z' AND start_time > '2026-11-01'", ""),
        ("start_time > 1970-01-01T00:00:00.003", "d e"),
        ("start_time IN (1970-01-01t00:00:00.002+00:00, 4)", "b d"),
        ("start_time BETWEEN 1970-01-01 AND 1970-01-02", "a b c d e"),
        ("start_time < now - 7d", "a b c d e"),
        ("start_time > NOW - 7 days", ""),
        ("start_time BETWEEN 'now-520000w' AND now", "a b c d e"),
        ("end_time > 0", ""),
        ("NOT end_time > 0", "a b c d e"),
        ("end_time IS NULL", "a b c d e"),
        ("artifact_uri LIKE 'mlflow-artifacts:/0/%'", "a b c d e"),
        ("user_id = ''", "a b c d e"),
        ("metrics.loss < 1 AND params.lr = '0.1' OR run_name = 'e'", "a e"),
        ("metrics.loss < 1 AND (params.lr = '0.1' OR run_name = 'e')", "a e"),
        ("NOT (metrics.loss < 1 or tags.team = 'blue_1')", "d"),
        ("not params.lr = '0.1'", "b c d e"),
        ("NOT NOT run_name = 'a'", "a"),
        ("  ", "a b c d e"),
    ],
)
def test_a_filter_finds_the_runs_that_it_is_true_of(
    filled: NamedRuns, condition: str, names: str
) -> None:
    """S1, S2, S3."""
    assert filled.search_names(condition) == names


@pytest.mark.parametrize("quote", ["`", '"', "'"])
def test_every_key_can_be_quoted(runs: NamedRuns, quote: str) -> None:
    """M1, S1."""
    keys = vectors.KEYS["allowed"]
    pairs = {key: key for key in keys}
    runs.add("all", {key: i for i, key in enumerate(keys)}, pairs, pairs)
    runs.add("none")
    for i, key in enumerate(keys):
        name = quote + key.replace(quote, 2 * quote) + quote
        value = key.replace("'", "''")
        condition = (
            f"metrics.{name} = {i} AND params.{name} = '{value}' AND tags.{name} = '{value}'"
        )
        assert runs.search_names(condition) == "all"
        assert runs.search_names(f"NOT ({condition})", f"params.{name} DESC") == "none"
        assert runs.search_names("", f"metrics.{name} DESC") == "all none"


@pytest.mark.parametrize(
    ("text", "column", "expected"),
    [
        ("metrics.loss <", 15, "a number"),
        ("metrics.loss < 'x'", 16, "a number"),
        ("run_name = 0.1", 12, "a string in quotes"),
        ("params.lr > '0.1'", 13, "a number without quotes"),
        ("tags.a BETWEEN 1 AND '2'", 22, "a number without quotes"),
        ("run_name >= 'a'", 13, "= != LIKE"),
        ("status < 'RUNNING'", 10, "= != LIKE"),
        ("datasets.name <= 'a'", 18, "= != LIKE"),
        ("start_time > 'yesterday'", 14, "2026-11-01"),
        ("start_time > '2026-02-30'", 14, "2026-11-01"),
        ("start_time > '0000-01-01'", 14, "2026-11-01"),
        ("start_time > 2026-02-30", 14, "2026-11-01"),
        ("start_time > now - 7 months", 14, "s m h d w"),
        ("start_time > yesterday", 14, "now - 7d"),
        ("duration > '2026-11-01'", 12, "a number"),
        ("metrics.loss > 2026-11-01", 16, "a number"),
        ("tags.day = 2026-11-01", 12, "a number"),
        ("run_name = now", 12, "a string in quotes"),
        ("metrics.loss 0.5", 14, "= !="),
        ("resnet 50", 8, "= !="),
        ("tags.a LIKE 'x!' ESCAPE '!'", 13, "a character after"),
        ("tags.a LIKE 'x' ESCAPE '!!'", 24, "one character"),
        ("tags.a LIKE 'x' ESCAPE ''", 24, "one character"),
        ("tags.a RLIKE 'x' ESCAPE '!'", 25, "LIKE or ILIKE"),
        ("tags.a = 'x' ESCAPE '!'", 14, "AND or OR"),
        ("foo.loss < 1", 1, "metrics, minimum"),
        ("(run_name = 'a'", 16, ")"),
        ("run_name = 'a' run_name", 16, "AND or OR"),
        ("run_name ! 'a'", 10, "= !="),
        ("nonsense = 'a'", 1, "run_name"),
        ("datasets.size = 'a'", 1, "digest"),
        ("metrics.loss LIKE '1%'", 1, "a text"),
        ("tags.a RLIKE '('", 14, "a regular expression"),
        ("tags.a = 'unclosed", 10, "a string in quotes"),
        ("NOT " * 60 + "run_name = 'a'", 1, "at most 20"),
        (" OR ".join(["run_name = 'a'"] * 501), 1, "at most 500"),
        ("x" * 20_001, 20_001, "at most 20000"),
    ],
)
def test_a_malformed_filter_is_refused_naming_the_column_and_what_was_expected(
    filled: NamedRuns, text: str, column: int, expected: str
) -> None:
    """S4."""
    api = filled.api
    for call in (
        lambda: api.runs.SearchRuns(SearchRunsRequest(filter=text)),
        lambda: api.runs.CountRuns(CountRunsRequest(filter=text)),
    ):
        with expect_refusal(grpc.StatusCode.INVALID_ARGUMENT, "FILTER_MALFORMED") as refusal:
            call()
        assert int(refusal.metadata["column"]) == column
        assert expected in refusal.metadata["expected"]


def test_long_and_deep_filters_within_the_limits_work(runs: NamedRuns) -> None:
    runs.add("a")
    assert runs.search_names(" OR ".join(["run_name = 'a'"] * 500)) == "a"
    assert runs.search_names("NOT " * 18 + "run_name = 'a'") == "a"
    assert runs.search_names("(" * 2000 + "run_name = 'a'" + ")" * 2000) == "a"
