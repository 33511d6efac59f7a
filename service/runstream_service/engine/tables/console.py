"""What the programs of runs wrote on their consoles."""

from __future__ import annotations

from peewee import BigIntegerField, CompositeKey, ForeignKeyField, IntegerField, TextField

from runstream_service.engine.tables.base import Table
from runstream_service.engine.tables.runs import Run


class ConsoleLine(Table):
    """A line, by its number in the run; a line that was removed leaves a gap."""

    run = ForeignKeyField(Run, on_delete="CASCADE", index=False)
    number = BigIntegerField()
    stream = IntegerField()
    timestamp = BigIntegerField()
    text = TextField()
    writer = BigIntegerField()
    sequence = BigIntegerField()

    class Meta:
        primary_key = CompositeKey("run", "number")
        without_rowid = True
        indexes = ((("run", "writer", "sequence"), True),)


class Console(Table):
    """The sizes of the console of a run, which has two parts: the first lines and the last ones.

    `head_end` is the number of the last line of the first part, null while that grows.
    """

    run = ForeignKeyField(Run, on_delete="CASCADE", primary_key=True)
    last_number = BigIntegerField()
    head_end = BigIntegerField(null=True)
    head_bytes = BigIntegerField()
    tail_bytes = BigIntegerField()
