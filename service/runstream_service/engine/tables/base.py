"""What all tables have in common."""

from __future__ import annotations

from typing import Any

from peewee import SQL, AutoField, BareField, Model, NodeList, TextField

# SQLite stores NaN as NULL, which a primary key cannot hold, so this text stands for NaN. It sorts
# after all numbers. The column has no declared type, because REAL turns -0.0 into the integer 0.
# docs/decisions/0005-nan.md
NAN = "NaN"


class DoubleField(BareField):
    """Any double, exactly: NaN, the infinities and negative zero included."""

    def db_value(self, value: float | str | None) -> float | str | None:
        return NAN if value != value else value

    def python_value(self, value: float | str | None) -> float | None:
        return None if value is None else float(value)


class LongTextField(TextField):
    """A text that is searched for, and may be too long for an index of PostgreSQL."""


class AutoIncrementField(AutoField):
    """An id that is never used again, also not that of the newest row after its deletion."""

    def ddl(self, context: Any) -> Any:
        return NodeList((super().ddl(context), SQL("AUTOINCREMENT")))


class Table(Model):
    """A table of the store that is open, which binds it to its engine (engine/store.py)."""

    class Meta:
        legacy_table_names = False
