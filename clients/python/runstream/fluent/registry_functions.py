"""The fluent API of the model registry; aliases and stages are changed by `TrackingClient`."""

from __future__ import annotations

from collections.abc import Sequence

from runstream import entities
from runstream.contract.params_and_tags import Pairs
from runstream.files.artifact_paths import VersionUri, parse_artifact_uri
from runstream.fluent.destination import current_client
from runstream.fluent.run_clients import client_for_run
from runstream.fluent.search_functions import MAX_RESULTS


def register_model(
    model_uri: str,
    name: str,
    await_registration_for: int = 300,  # noqa: ARG001 - an argument of MLflow's
    *,
    tags: Pairs | None = None,
) -> entities.ModelVersion:
    """Create a version of a registered model; see `TrackingClient.register_model`.

    It goes to the server of the run that the URI names (R7).

    Args:
        model_uri: `models:/MODEL_ID`, `runs:/RUN_ID/NAME`, `models:/NAME/VERSION`, or another
            source of `TrackingClient.create_model_version`.
        name: the registered model, which is created if it is not there.
        await_registration_for: changes nothing, since versions are ready at once; MLflow has it.
        tags: tags of the version.
    """
    located = parse_artifact_uri(model_uri, "model_uri")
    is_of_run = located is not None and not isinstance(located, VersionUri)
    client = client_for_run(located[0]) if located and is_of_run else current_client()
    return client.register_model(model_uri, name, tags)


def search_registered_models(
    max_results: int | None = None,
    filter_string: str | None = None,
    order_by: Sequence[str] | None = None,
) -> list[entities.RegisteredModel]:
    """Return registered models; see `TrackingClient.search_registered_models`.

    Args:
        max_results: the most to return; 100,000, if left out.
        filter_string: the filter.
        order_by: the order.
    """
    limit = MAX_RESULTS if max_results is None else max_results
    return list(current_client().search_registered_models(filter_string, limit, order_by))


def search_model_versions(
    max_results: int | None = None,
    filter_string: str | None = None,
    order_by: Sequence[str] | None = None,
) -> list[entities.ModelVersion]:
    """Return versions of registered models; see `TrackingClient.search_model_versions`.

    Args:
        max_results: the most to return; 100,000, if left out.
        filter_string: the filter.
        order_by: the order.
    """
    limit = MAX_RESULTS if max_results is None else max_results
    return list(current_client().search_model_versions(filter_string, limit, order_by))


def set_model_version_tag(
    name: str, version: str | int | None = None, key: str | None = None, value: object = None
) -> None:
    """Set a tag of a version; see `TrackingClient.set_model_version_tag`."""
    current_client().set_model_version_tag(name, version, key, value)
