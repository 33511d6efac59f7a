"""Searches of the model registry, whose answers a reader's thread makes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from runstream.v1 import model_registry_service_pb2 as pb
from runstream_service.access.caller import Caller
from runstream_service.catalog import model_versions, registered_models
from runstream_service.engine.budget import PAGE_BYTES
from runstream_service.rpc import registry_messages
from runstream_service.rpc.page_token import (
    check_page_size,
    decode_page_token,
    encode_page_token,
)
from runstream_service.search.registry_search import (
    RegistrySearch,
    model_version_search,
    registered_model_search,
)

#: Registered models and versions that a page has at most, and if the request does not say how many.
MAX_MODELS, DEFAULT_MODELS = 1_000, 100
MAX_VERSIONS, DEFAULT_VERSIONS = 200_000, 10_000

# Rows whose tags, aliases and versions are read at a time.
_ROWS_AT_ONCE = 100


def search_models(
    caller: Caller, request: pb.SearchRegisteredModelsRequest
) -> pb.SearchRegisteredModelsResponse:
    """Return the answer of SearchRegisteredModels: what the caller sees of what they ask for."""
    check_page_size(request.max_results, MAX_MODELS)
    search = registered_model_search(caller, request.filter, request.order_by)
    page = pb.SearchRegisteredModelsResponse()

    def read(ids: Sequence[int]) -> list[Any]:
        found = registered_models.read(caller, ids)
        return [registry_messages.registered_model(model) for model in found]

    limit = request.max_results or DEFAULT_MODELS
    page.next_page_token = _fill(caller, search, request, limit, page.registered_models, read)
    return page


def search_versions(
    caller: Caller, request: pb.SearchModelVersionsRequest
) -> pb.SearchModelVersionsResponse:
    """Return the answer of SearchModelVersions: what the caller sees of what they ask for."""
    check_page_size(request.max_results, MAX_VERSIONS)
    search = model_version_search(caller, request.filter, request.order_by)
    page = pb.SearchModelVersionsResponse()

    def read(ids: Sequence[int]) -> list[Any]:
        return [registry_messages.model_version(found) for found in model_versions.read(ids)]

    limit = request.max_results or DEFAULT_VERSIONS
    page.next_page_token = _fill(caller, search, request, limit, page.model_versions, read)
    return page


def _fill(
    caller: Caller,
    search: RegistrySearch,
    request: Any,
    limit: int,
    entries: Any,
    read: Callable[[Sequence[int]], list[Any]],
) -> str:
    """Add what is found to a page, which ends when it is large; return the token of the next."""
    query = [request.DESCRIPTOR.name, caller.name, request.filter, list(request.order_by)]
    position = decode_page_token(query, request.page_token, search.sort_key_length)
    found = search.page(limit + 1, position)
    size = 0
    for start in range(0, min(limit, len(found)), _ROWS_AT_ONCE):
        for entry in read([row.id for row in found[start : min(limit, start + _ROWS_AT_ONCE)]]):
            entries.append(entry)
            size += entry.ByteSize()
            if size > PAGE_BYTES:
                break
        if size > PAGE_BYTES:
            break
    if len(entries) < len(found):
        return encode_page_token(query, found[len(entries) - 1].sort_key)
    return ""
