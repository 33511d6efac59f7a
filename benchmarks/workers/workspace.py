"""Fills a Runstream server with runs that are looked at in its workspace, and trains on in some."""

from __future__ import annotations

import time
from itertools import count

import numpy

from benchmarks.workers.job import main
from runstream import TrackingClient

# Points of a call.
_SIZE = 100_000


def log_curves(uri: str, runs: int, keys: int, points: int, groups: int = 1) -> list[str]:
    """Create and end runs, each with so many points of each metric; return their ids.

    Run i has the param `group` i modulo `groups`. Curves fall as those of training do, with noise.
    """
    random = numpy.random.default_rng(7)
    names = [f"metric_{i}" for i in range(keys)]
    step = numpy.arange(points)
    falling = 1 / numpy.sqrt(1 + step)
    noise = 1 + 0.1 * random.random(points)
    ids = []
    with TrackingClient(uri) as client:
        for number in range(runs):
            run_id = client.create_run(run_name=f"drawn {number}").info.run_id
            client.log_param(run_id, "group", str(number % groups))
            for metric, name in enumerate(names):
                values = (1 + metric + random.random()) * falling * numpy.roll(noise, number)
                for first in range(0, points, _SIZE):
                    part = slice(first, first + _SIZE)
                    client.log_columns(run_id, name, values[part], step[part])
            client.set_terminated(run_id)
            client.flush()
            ids.append(run_id)
    return ids


def start_runs(uri: str, runs: int, keys: int, points: int) -> list[str]:
    """Start runs with so many points of each metric; return their ids."""
    step = numpy.arange(points)
    with TrackingClient(uri) as client:
        ids = [client.create_run(run_name=f"live {i}").info.run_id for i in range(runs)]
        for number, run_id in enumerate(ids):
            for key in range(keys):
                client.log_columns(run_id, f"metric_{key}", number + numpy.sqrt(step), step)
        client.flush()
    return ids


def train(
    uri: str, run_ids: list[str], keys: int, first_step: int, seconds: float, turns: int
) -> list[tuple[int, float]]:
    """Log a step a second to each run, in turns within the second, a share of the runs in each.

    Returns how many points a metric had got by all runs after each turn, and when that turn began,
    in milliseconds since the epoch.
    """
    names = [f"metric_{i}" for i in range(keys)]
    told = []
    logged = 0
    with TrackingClient(uri) as client:
        start = time.monotonic()
        for turn in count():
            due = start + turn / turns
            if due > start + seconds:
                break
            time.sleep(max(0.0, due - time.monotonic()))
            began = time.time() * 1e3
            step = first_step + turn // turns
            for number in range(turn % turns, len(run_ids), turns):
                value = number + step**0.5
                client.log_metrics(run_ids[number], dict.fromkeys(names, value), step=step)
                logged += 1
            client.flush()
            told.append((logged, began))
    return told


if __name__ == "__main__":
    main({job.__name__: job for job in (log_curves, start_runs, train)})
