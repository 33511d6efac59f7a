"""The page of metrics of a server, read by Prometheus' own parser."""

from __future__ import annotations

import requests
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families as parse_text

from support.server_process import ServerProcess


class Page:
    """The page of a server, read by Prometheus' own parser."""

    def __init__(self, server: ServerProcess) -> None:
        answer = requests.get(f"{server.http}/metrics", timeout=60)
        answer.raise_for_status()
        self.media_type = answer.headers["content-type"]
        self.families: dict[str, Metric] = {f.name: f for f in parse_text(answer.text)}
        self.samples = [s for f in self.families.values() for s in f.samples]

    def value(self, name: str, **labels: str) -> float:
        """Return the value of a sample; 0, if it is not there."""
        found = [s.value for s in self.samples if (s.name, s.labels) == (name, labels)]
        return sum(found)
