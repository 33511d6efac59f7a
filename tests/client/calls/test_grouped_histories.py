"""Histories of groups by the client."""

from __future__ import annotations

import pytest

from runstream import InvalidArgument, TrackingClient
from support.server_process import ServerProcess


def test_groups_of_runs_are_told_with_a_band(server: ServerProcess) -> None:
    with TrackingClient(server.uri) as client:
        runs = [client.create_run().info.run_id for _ in range(3)]
        for number, run_id in enumerate(runs):
            for step in range(20):
                client.log_metric(run_id, "loss", float(step + number), step=step)
        groups = {"all": runs, "first": runs[:1]}
        (all_, first) = client.get_grouped_history(groups, ["loss"], band="extremes")
        assert (all_.group, first.group, all_.key) == ("all", "first", "loss")
        assert all_.step == first.step == list(range(20))
        assert (all_.runs[0], first.runs[0]) == (3, 1)
        assert all_.centre == [step + 1.0 for step in range(20)]
        assert (all_.low, all_.high[-1]) == (first.centre, 21.0)
        (part,) = client.get_grouped_history({"": runs}, ["loss"], 5, 9, centre="median")
        assert (part.step, part.low) == ([5, 6, 7, 8, 9], [])
        with pytest.raises(InvalidArgument, match="one of mean, median"):
            client.get_grouped_history(groups, ["loss"], centre="mode")  # type: ignore[arg-type]
