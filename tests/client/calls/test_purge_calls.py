"""Purge through the client."""

from __future__ import annotations

import time

import pytest

from runstream import InvalidArgument, NotFound, Purged, TrackingClient
from support.server_process import ServerProcess


def test_a_purge_tells_how_far_it_is_and_ends_with_the_total(server: ServerProcess) -> None:
    """E5."""
    with TrackingClient(server.uri) as client:
        run_id, kept = (client.create_run().info.run_id for _ in range(2))
        client.log_batch(run_id, [("loss", 0.5, 1, step) for step in range(1_000)])
        client.log_text(run_id, "hello", "hello.txt")
        client.delete_run(run_id)
        total = Purged(0, 1, 1_000, logged_models=0, artifacts=1, artifact_bytes=5)
        assert list(client.purge(dry_run=True)) == [total]
        assert client.get_run(run_id).info.lifecycle_stage == "deleted"
        *_, last = client.purge(deleted_before=time.time_ns() // 1_000_000 - 60_000)
        assert last == Purged(0, 0, 0, 0, 0, 0)
        *progress, last = client.purge()
        assert last == total
        assert [step.points for step in progress] == sorted(step.points for step in progress)
        with pytest.raises(NotFound):
            client.get_run(run_id)
        assert client.get_run(kept).info.lifecycle_stage == "active"
        with pytest.raises(InvalidArgument, match="deleted_before"):
            list(client.purge(deleted_before=-1))
