"""The fluent API of searching; without a named experiment it searches the chosen one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal, overload

from runstream import entities
from runstream.calls.runs_frame import runs_to_frame
from runstream.contract.text_lists import check_not_single_text
from runstream.errors import InvalidArgument
from runstream.fluent.destination import current_client, current_experiment_id

if TYPE_CHECKING:
    import pandas

#: Results of a search without `max_results`; MLflow has the same limit.
MAX_RESULTS = 100_000


@overload
def search_runs(
    experiment_ids: Iterable[str] | None = ...,
    filter_string: str | None = ...,
    run_view_type: str | int = ...,
    max_results: int = ...,
    order_by: Sequence[str] | None = ...,
    output_format: Literal["pandas"] = ...,
    search_all_experiments: bool = ...,
    experiment_names: Iterable[str] | None = ...,
) -> pandas.DataFrame: ...


@overload
def search_runs(
    experiment_ids: Iterable[str] | None = ...,
    filter_string: str | None = ...,
    run_view_type: str | int = ...,
    max_results: int = ...,
    order_by: Sequence[str] | None = ...,
    *,
    output_format: Literal["list"],
    search_all_experiments: bool = ...,
    experiment_names: Iterable[str] | None = ...,
) -> list[entities.Run]: ...


def search_runs(
    experiment_ids: Iterable[str] | None = None,
    filter_string: str | None = "",
    run_view_type: str | int = "ACTIVE_ONLY",
    max_results: int = MAX_RESULTS,
    order_by: Sequence[str] | None = None,
    output_format: str = "pandas",
    search_all_experiments: bool = False,
    experiment_names: Iterable[str] | None = None,
) -> pandas.DataFrame | list[entities.Run]:
    """Return the runs that a filter is true of; see `TrackingClient.search_runs`.

    Args:
        experiment_ids: the experiments to search; the chosen one, if neither these nor names are
            given.
        filter_string: the filter (S1 to S3).
        run_view_type: `ACTIVE_ONLY`, `DELETED_ONLY` or `ALL`, or its number in `ViewType`.
        max_results: the most runs to return.
        order_by: the order (S5).
        output_format: `pandas` for a data frame with the columns `run_id`, `experiment_id`,
            `status`, `artifact_uri`, `start_time` and `end_time` (in UTC), and `metrics.K`,
            `params.K` and `tags.K` for every key, NaN or None where a run does not have it;
            `list` for a list of runs.
        search_all_experiments: whether to search all experiments if none is named.
        experiment_names: the experiments to search by name; one of none is passed over.

    Raises:
        InvalidArgument: an argument is malformed, or ids and names are both given.
    """
    check_output_format(output_format)
    found = current_client().search_runs(
        _find_experiment_ids(experiment_ids, experiment_names, search_all_experiments),
        filter_string,
        run_view_type,
        max_results,
        order_by,
    )
    return entities.FoundRuns(found) if output_format == "list" else runs_to_frame(list(found))


def count_runs(
    experiment_ids: Iterable[str] | None = None,
    filter_string: str | None = "",
    run_view_type: str | int = "ACTIVE_ONLY",
) -> int:
    """Return how many runs a filter is true of; the experiments are those of `search_runs`."""
    ids = _find_experiment_ids(experiment_ids, None, False)
    return current_client().count_runs(ids, filter_string, run_view_type)


def search_experiments(
    view_type: str | int = "ACTIVE_ONLY",
    max_results: int | None = None,
    filter_string: str | None = "",
    order_by: Sequence[str] | None = None,
) -> list[entities.Experiment]:
    """Return the experiments that a filter is true of (S7).

    See `TrackingClient.search_experiments`; at most 100,000, if `max_results` is left out.
    """
    found = current_client().search_experiments(
        view_type, MAX_RESULTS if max_results is None else max_results, filter_string, order_by
    )
    return entities.FoundExperiments(found)


def check_output_format(output_format: str) -> None:
    """Raise InvalidArgument for an unknown format of results."""
    if output_format not in ("pandas", "list"):
        raise InvalidArgument(
            f"Invalid value {output_format!r} for parameter 'output_format' supplied",
            reason="OUTPUT_FORMAT_UNKNOWN",
            field="output_format",
            value=output_format,
            limit="pandas, list",
        )


def _find_experiment_ids(
    ids: Iterable[str] | None, names: Iterable[str] | None, search_all: bool
) -> list[str] | None:
    if ids is not None and names is not None:
        raise InvalidArgument(
            "search_runs takes either experiment_ids or experiment_names",
            reason="ARGUMENTS_CONFLICT",
            field="experiment_names",
        )
    check_not_single_text("experiment_names", names)
    if names is not None:
        found = [current_client().get_experiment_by_name(name) for name in names]
        return [experiment.experiment_id for experiment in found if experiment is not None]
    if ids is not None:
        return [ids] if isinstance(ids, str) else list(ids)
    return None if search_all else [current_experiment_id()]
