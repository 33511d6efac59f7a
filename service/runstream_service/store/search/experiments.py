"""Searching experiments, on a reader's thread (S7)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from peewee import JOIN, Case, fn

from runstream_service.store.models import Experiment, ExperimentTag, database
from runstream_service.store.search.conditions import combined, number, one_of, text, there
from runstream_service.store.search.order import Place, Term, after, parse_order, selected
from runstream_service.store.search.parse import Misplaced, parse
from runstream_service.store.search.runs import Found
from runstream_service.store.search.tree import Condition, OrderKey

_NUMBERS = {
    "creation_time": Experiment.creation_time,
    "last_update_time": Experiment.last_update_time,
}
_TEXTS = {"name": Experiment.name, "experiment_id": Experiment.id.cast("TEXT")}
_LAST = (Term(Experiment.creation_time, descending=True), Term(Experiment.id, descending=True))


class ExperimentSearch:
    """A search for experiments.

    Raises:
        InvalidArgument: filter or order is malformed.
    """

    def __init__(self, deleted: bool | None, filter_text: str, order_by: Sequence[str]) -> None:
        keys = parse_order(order_by)
        self._conditions: list[Any] = []
        if deleted is not None:
            self._conditions.append(Experiment.deleted == deleted)
        if deleted is not False:
            self._conditions.append(~Experiment.purging)
        try:
            if tree := parse(filter_text):
                self._conditions.append(combined(tree, _condition))
        except Misplaced as error:
            raise error.refusal("filter", filter_text) from None
        self._query = Experiment.select()
        self._terms: list[Term] = []
        for key, order in zip(keys, order_by, strict=True):
            try:
                self._terms += self._terms_of(key)
            except Misplaced as error:
                raise error.refusal("order_by", order) from None
        self._terms += _LAST

    @property
    def terms(self) -> int:
        """How many parts a place in the order has."""
        return len(self._terms)

    def page(self, limit: int, place: Place | None) -> list[Found]:
        """Return up to `limit` experiments that come after a place."""
        conditions = list(self._conditions)
        if place is not None:
            conditions.append(after(self._terms, place))
        columns, order = selected(self._terms)
        query = self._query.select(Experiment.id, *columns).order_by(*order).limit(limit)
        rows = database.execute(query.where(*conditions) if conditions else query)
        return [Found(row[0], row[1:]) for row in rows]

    def _terms_of(self, order: OrderKey) -> list[Term]:
        key, descending = order.key, order.descending
        if key.group == "tags":
            tag = ExperimentTag.alias()
            self._query = self._query.join_from(
                Experiment,
                tag,
                JOIN.LEFT_OUTER,
                on=(tag.experiment == Experiment.id) & (tag.key == key.name),
            )
            return [Term(Case(None, [(tag.value.is_null(), 1)], 0)), Term(tag.value, descending)]
        if key.group != "attributes":
            raise Misplaced(1, repr(f"{key.group}.{key.name}"), "a tag or an attribute")
        if key.name == "experiment_id":
            return [Term(Experiment.id, descending)]
        return [Term(one_of(_TEXTS | _NUMBERS, key), descending)]


def _condition(condition: Condition) -> Any:
    key = condition.key
    if key.group == "tags":
        tag = ExperimentTag.select().where(
            (ExperimentTag.experiment == Experiment.id) & (ExperimentTag.key == key.name)
        )
        found = text(ExperimentTag.value, condition)
        return fn.EXISTS(tag if found is None else tag.where(found))
    if key.group != "attributes":
        raise Misplaced(key.column, repr(f"{key.group}.{key.name}"), "a tag or an attribute")
    column = one_of(_TEXTS | _NUMBERS, key)
    return there(column, (number if key.name in _NUMBERS else text)(column, condition))
