"""Searching logged models, on a reader's thread."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from peewee import JOIN, Case, fn

from runstream.v1.logged_model_pb2 import LoggedModelStatus
from runstream_service.store.models import LoggedModel, LoggedModelParam, LoggedModelTag, database
from runstream_service.store.search.conditions import combined, matches, number, one_of, text, there
from runstream_service.store.search.order import Place, Term, after, parse_order, selected
from runstream_service.store.search.parse import Misplaced, parse
from runstream_service.store.search.runs import Found
from runstream_service.store.search.tree import Condition, OrderKey

_NUMBERS = {
    "creation_timestamp": LoggedModel.creation_time,
    "creation_time": LoggedModel.creation_time,
    "last_updated_timestamp": LoggedModel.last_update_time,
}
_TEXTS = {
    "name": LoggedModel.name,
    "model_id": LoggedModel.uid,
    "model_type": LoggedModel.model_type,
    "source_run_id": LoggedModel.source_run_id,
}
_COLUMNS = _TEXTS | _NUMBERS | {"status": LoggedModel.status}
_PAIRS = {"params": LoggedModelParam, "tags": LoggedModelTag}
_LAST = (Term(LoggedModel.creation_time, descending=True), Term(LoggedModel.id, descending=True))


class LoggedModelSearch:
    """A search for the models of some experiments that are not deleted.

    Raises:
        InvalidArgument: filter or order is malformed.
    """

    def __init__(
        self, among: Sequence[int] | None, filter_text: str, order_by: Sequence[str]
    ) -> None:
        keys = parse_order(order_by)
        self._conditions: list[Any] = [LoggedModel.deleted_time.is_null()]
        if among is not None:
            self._conditions.append(LoggedModel.experiment.in_(among))
        try:
            if tree := parse(filter_text):
                self._conditions.append(combined(tree, _condition))
        except Misplaced as error:
            raise error.refusal("filter", filter_text) from None
        self._query = LoggedModel.select()
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
        """Return up to `limit` models that come after a place."""
        conditions = list(self._conditions)
        if place is not None:
            conditions.append(after(self._terms, place))
        columns, order = selected(self._terms)
        query = self._query.select(LoggedModel.id, *columns).order_by(*order).limit(limit)
        return [Found(row[0], row[1:]) for row in database.execute(query.where(*conditions))]

    def _terms_of(self, order: OrderKey) -> list[Term]:
        key, descending = order.key, order.descending
        if key.group == "attributes":
            return [Term(one_of(_COLUMNS, key), descending)]
        pair = _table(key.group, 1, key.name).alias()
        self._query = self._query.join_from(
            LoggedModel,
            pair,
            JOIN.LEFT_OUTER,
            on=(pair.owner == LoggedModel.id) & (pair.key == key.name),
        )
        return [Term(Case(None, [(pair.value.is_null(), 1)], 0)), Term(pair.value, descending)]


def _condition(condition: Condition) -> Any:
    key = condition.key
    if key.group == "attributes":
        if key.name == "status":
            text(LoggedModel.name, condition)  # checks the operands
            states = LoggedModelStatus.items()[1:]
            return LoggedModel.status.in_([n for name, n in states if matches(name, condition)])
        column = one_of(_COLUMNS, key)
        return there(column, (number if key.name in _NUMBERS else text)(column, condition))
    table = _table(key.group, key.column, key.name)
    pair = table.select().where((table.owner == LoggedModel.id) & (table.key == key.name))
    found = text(table.value, condition)
    return fn.EXISTS(pair if found is None else pair.where(found))


def _table(group: str, column: int, name: str) -> Any:
    if group not in _PAIRS:
        raise Misplaced(column, repr(f"{group}.{name}"), "a param, a tag or an attribute")
    return _PAIRS[group]
