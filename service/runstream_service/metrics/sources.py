"""The objects whose counts are metrics."""

from __future__ import annotations

from typing import NamedTuple

from runstream_service.engine.engine import Engine
from runstream_service.engine.readers import Readers
from runstream_service.engine.writer import Writer
from runstream_service.files.artifact_store import ArtifactStore
from runstream_service.live.feed import Feed
from runstream_service.points.append import PointAppender
from runstream_service.points.backlog import Backlog
from runstream_service.points.sealer import Sealer
from runstream_service.rpc.call_counts import CallCounts


class MetricSources(NamedTuple):
    """The objects whose counts are metrics."""

    engine: Engine
    calls: CallCounts
    writer: Writer
    readers: Readers
    feed: Feed
    appender: PointAppender
    backlog: Backlog
    sealer: Sealer
    artifacts: ArtifactStore
