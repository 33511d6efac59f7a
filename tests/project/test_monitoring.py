"""The dashboard and the alerts of examples/deployment, against the metrics of a real server."""

from __future__ import annotations

import re

import grpc
import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from runstream_service.engine.writer import Writer
from runstream_service.grpc_server import CALLS
from runstream_service.points.backlog import MAX_WAITING_POINTS
from support.deployment import (
    ALERTS,
    DASHBOARD,
    OPERATIONS,
)
from support.server_process import ServerProcess


def dashboard_queries() -> list[str]:
    panels = [target["expr"] for p in DASHBOARD["panels"] for target in p.get("targets", ())]
    variables = [v["query"]["query"] for v in DASHBOARD["templating"]["list"][1:]]
    return [*panels, *variables, *(a["expr"] for a in DASHBOARD["annotations"]["list"])]


def names_in(query: str) -> set[str]:
    return set(re.findall(r"\b(?:runstream|process)_\w+", query))


def labels_in(query: str) -> set[str]:
    grouped = re.findall(r"\bby \(([^)]*)\)", query)
    matched = [name for found in re.findall(r"{([^}]*)}", query) for name in found.split(",")]
    words = [word for text in grouped for word in text.split(",")]
    words += [re.split(r"[=!]", text)[0] for text in matched]
    return {word.strip() for word in words} - {"job", "instance", "worker", "le", ""}


@pytest.fixture(scope="module")
def labels(used_server: ServerProcess) -> dict[str, set[str]]:
    """The labels of every sample that a server's page has, by its name."""
    page = requests.get(f"{used_server.http}/metrics", timeout=60).text
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def test_the_dashboard_and_the_alerts_name_metrics_and_labels_that_are_there(
    labels: dict[str, set[str]],
) -> None:
    queries = [*dashboard_queries(), *(alert["expr"] for alert in ALERTS)]
    assert len(queries) > 30
    for query in queries:
        assert names_in(query) - labels.keys() == set()
        there = set().union(*(labels[name] for name in names_in(query)))
        assert labels_in(query) - there == set(), query
    codes = {code.name for code in grpc.StatusCode}
    for found in re.findall(r'code[=!]~?"([^"]*)"', " ".join(queries)):
        assert set(found.split("|")) <= codes
    assert set(re.findall(r'lane="(\w+)"', " ".join(queries))) <= {"quick", "long"}


def test_the_dashboard_shows_every_metric_of_the_server(labels: dict[str, set[str]]) -> None:
    shown = names_in(" ".join(dashboard_queries()))
    suffixes = r"_(total|bucket|sum|count|created)$"
    families = {re.sub(suffixes, "", name) for name in labels if name.startswith("runstream_")}
    assert families - {re.sub(suffixes, "", name) for name in shown} == set()


def test_every_alert_has_a_section_that_says_what_to_do() -> None:
    headings = re.findall(r"^#+ (.*)$", OPERATIONS, re.M)
    sections = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    for alert in ALERTS:
        document, _, section = alert["annotations"]["runbook"].partition("#")
        assert document == "docs/operations.md"
        assert section in sections, alert["alert"]


def test_alerts_come_before_the_limits_of_the_server() -> None:
    limits = {
        "RunstreamQueueFull": Writer.QUEUE_BYTES,
        "RunstreamSealerBehind": MAX_WAITING_POINTS,
        "RunstreamManyCalls": CALLS,
    }
    for alert in ALERTS:
        if limit := limits.pop(alert["alert"], None):
            factors = alert["expr"].rpartition(">")[2].split("*")
            threshold = float(factors[0])
            for factor in factors[1:]:
                threshold *= float(factor)
            assert limit / 2 <= threshold < limit
    assert limits == {}
