"""Fills an MLflow or FastTrackML server with runs and searches them."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from mlflow import MlflowClient

from benchmarks.workers.job import main
from benchmarks.workers.peer import Rest
from benchmarks.workers.searched import Search, best_seconds, searched_runs, searches


def fill(uri: str, count: int) -> str:
    """Create and end the runs in an experiment of their own; return its id."""
    rest = Rest(uri)
    experiment_id = str(rest.post("experiments/create", name="searched")["experiment_id"])
    for run in searched_runs(count):
        created = rest.post(
            "runs/create",
            experiment_id=experiment_id,
            start_time=time.time_ns() // 1_000_000,
            tags=[{"key": key, "value": value} for key, value in run.tags.items()],
        )
        run_id = created["run"]["info"]["run_id"]
        rest.post(
            "runs/log-batch",
            run_id=run_id,
            metrics=[
                {"key": key, "value": value, "timestamp": 1, "step": 0}
                for key, value in run.metrics.items()
            ],
            params=[{"key": key, "value": value} for key, value in run.params.items()],
        )
        rest.post("runs/update", run_id=run_id, status="FINISHED")
    return experiment_id


def search(uri: str, count: int, experiment_id: str) -> dict[str, dict[str, float]]:
    """Return the seconds of each search in each way there is, the best of some."""
    rest, client = Rest(uri), MlflowClient(uri)

    def by_rest(search: Search) -> int:
        page = rest.post(
            "runs/search",
            experiment_ids=[experiment_id],
            filter=search.filter,
            order_by=search.order_by,
            max_results=search.max_results,
        )
        return len(page["runs"])

    def by_client(search: Search) -> int:
        return len(
            client.search_runs(
                [experiment_id],
                search.filter,
                order_by=search.order_by,
                max_results=search.max_results,
            )
        )

    def checked(find: Callable[[Search], int], search: Search) -> None:
        found = find(search)
        if found != search.found:
            raise RuntimeError(f"{found} runs found by {search}")

    ways: dict[str, Callable[[Search], int]] = {"rest": by_rest, "client": by_client}
    return {
        name: {way: best_seconds(partial(checked, find, search)) for way, find in ways.items()}
        for name, search in searches(count).items()
    }


if __name__ == "__main__":
    main({job.__name__: job for job in (fill, search)})
