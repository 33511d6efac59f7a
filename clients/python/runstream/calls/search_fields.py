"""Fields that all searches have, as callers give them."""

from __future__ import annotations

from collections.abc import Iterable

from runstream import entities
from runstream.contract.text_lists import check_not_single_text
from runstream.errors import InvalidArgument
from runstream.v1.run_pb2 import ViewType as pb_ViewType


def check_experiment_ids(experiment_ids: Iterable[str] | None) -> list[str]:
    """Return ids of experiments for a request; raises InvalidArgument if they are one text."""
    check_not_single_text("experiment_ids", experiment_ids)
    return [] if experiment_ids is None else [str(number) for number in experiment_ids]


def to_view_type(view: str | int) -> pb_ViewType.ValueType:
    """Return a view of the contract; raises InvalidArgument if there is none of this name."""
    try:
        known = entities.ViewType[view] if isinstance(view, str) else entities.ViewType(view)
    except (KeyError, ValueError):
        names = ", ".join(one.name for one in entities.ViewType)
        raise InvalidArgument(
            f"Invalid value {view!r} for parameter 'view_type' supplied: it must be one of {names}",
            reason="VIEW_TYPE_UNKNOWN",
            field="view_type",
            value=view,
            limit=names,
        ) from None
    return pb_ViewType.Value(known.name)
