"""The fluent API of watching runs live."""

from __future__ import annotations

from collections.abc import Generator, Iterable

from runstream import entities
from runstream.contract.text_lists import check_not_single_text
from runstream.fluent.destination import current_client, current_experiment_id
from runstream.fluent.run_clients import client_for_run


def watch(
    run_ids: Iterable[str] | None = None,
    experiment_ids: Iterable[str] | None = None,
    position: str | None = None,
) -> Generator[entities.RunChange, None, None]:
    """Watch runs, and yield what is committed to them; see `TrackingClient.watch`.

    Args:
        run_ids: runs.
        experiment_ids: experiments; the chosen one, if neither runs nor experiments are given.
        position: where to start; with the next commit, if left out.
    """
    check_not_single_text("run_ids", run_ids)
    if run_ids is None and experiment_ids is None:
        experiment_ids = [current_experiment_id()]
    runs = list(run_ids or ())
    client = client_for_run(runs[0]) if runs and experiment_ids is None else current_client()
    return client.watch(runs, experiment_ids or (), position)
