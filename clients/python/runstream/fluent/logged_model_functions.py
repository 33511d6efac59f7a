"""The fluent API of logged models that are named by their id."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Literal, overload

from runstream import entities
from runstream.contract.params_and_tags import Pairs
from runstream.files.optional_libraries import import_optional
from runstream.fluent.active_runs import active_run, get_or_start_run
from runstream.fluent.destination import current_client, current_experiment_id
from runstream.fluent.search_functions import MAX_RESULTS, check_output_format

if TYPE_CHECKING:
    import pandas


def initialize_logged_model(
    name: str | None = None,
    source_run_id: str | None = None,
    tags: Pairs | None = None,
    params: Pairs | None = None,
    model_type: str | None = None,
    experiment_id: str | None = None,
) -> entities.LoggedModel:
    """Create a model whose files are to be uploaded; `finalize_logged_model` says that they are.

    Args:
        name: name for people; one is generated if left out.
        source_run_id: the run that makes it; the active one, if there is one and it is left out.
        tags: tags to set.
        params: params to set, each once.
        model_type: kind of model, such as `Classifier`.
        experiment_id: the experiment; that of the active run, or else the chosen one, if left out.
    """
    run = active_run()
    if run is None:
        client, of_run = current_client(), current_experiment_id()
    else:
        client, of_run = run.client, run.info.experiment_id
        source_run_id = source_run_id or run.info.run_id
    return client.create_logged_model(
        experiment_id or of_run, name, source_run_id, tags, params, model_type
    )


def finalize_logged_model(model_id: str, status: str = "READY") -> entities.LoggedModel:
    """Say whether the files of a model are there; see `TrackingClient.finalize_logged_model`."""
    return current_client().finalize_logged_model(model_id, status)


def get_logged_model(model_id: str) -> entities.LoggedModel:
    """Return a model; see `TrackingClient.get_logged_model`."""
    return current_client().get_logged_model(model_id)


@overload
def search_logged_models(
    experiment_ids: Iterable[str] | None = ...,
    filter_string: str | None = ...,
    datasets: Iterable[Mapping[str, str]] | None = ...,
    max_results: int | None = ...,
    order_by: Iterable[Mapping[str, Any]] | None = ...,
    output_format: Literal["pandas"] = ...,
) -> pandas.DataFrame: ...


@overload
def search_logged_models(
    experiment_ids: Iterable[str] | None = ...,
    filter_string: str | None = ...,
    datasets: Iterable[Mapping[str, str]] | None = ...,
    max_results: int | None = ...,
    order_by: Iterable[Mapping[str, Any]] | None = ...,
    *,
    output_format: Literal["list"],
) -> list[entities.LoggedModel]: ...


def search_logged_models(
    experiment_ids: Iterable[str] | None = None,
    filter_string: str | None = None,
    datasets: Iterable[Mapping[str, str]] | None = None,
    max_results: int | None = None,
    order_by: Iterable[Mapping[str, Any]] | None = None,
    output_format: str = "pandas",
) -> pandas.DataFrame | list[entities.LoggedModel]:
    """Return the models that a filter is true of; see `TrackingClient.search_logged_models`.

    Args:
        experiment_ids: the experiments to search; the chosen one, if left out.
        filter_string: the filter.
        datasets: only models measured with one of these.
        max_results: the most models to return; 100,000, if left out.
        order_by: the order.
        output_format: `pandas` for a data frame with a column for each attribute of a
            `LoggedModel`, `list` for a list of them.
    """
    check_output_format(output_format)
    found = current_client().search_logged_models(
        [current_experiment_id()] if experiment_ids is None else experiment_ids,
        filter_string,
        datasets,
        MAX_RESULTS if max_results is None else max_results,
        order_by,
    )
    if output_format == "list":
        return list(found)
    columns = list(entities.LoggedModel.__dataclass_fields__)
    frame: pandas.DataFrame = import_optional(
        "pandas", "search_logged_models", 'output_format="list" returns models'
    ).DataFrame(map(asdict, found), columns=columns)
    return frame


def set_logged_model_tags(model_id: str, tags: Pairs) -> None:
    """Set tags of a model; see `TrackingClient.set_logged_model_tags`."""
    current_client().set_logged_model_tags(model_id, tags)


def delete_logged_model_tag(model_id: str, key: str) -> None:
    """Delete a tag of a model; raises NotFound if there is no such model or tag."""
    current_client().delete_logged_model_tag(model_id, key)


def log_model_params(params: Pairs, model_id: str) -> None:
    """Set params of a model, each once; see `TrackingClient.log_model_params`."""
    current_client().log_model_params(model_id, params)


def log_outputs(models: Iterable[tuple[str, int]]) -> None:
    """Record models that the active run made, as (model_id, step), starting a run if needed.

    Returns at once, as `log_input` does.

    Raises:
        InvalidArgument: an id breaks its rule.
    """
    get_or_start_run().log_outputs(models)
