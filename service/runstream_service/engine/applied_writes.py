"""Records which writes were applied, so that a repeated write undoes no newer one (P3).

A client that gets no answer sends its write again, maybe after somebody else wrote something newer.
Points and params are the same however often they come. Where order matters, a command calls
`accept` in the transaction in which it writes, once it has checked all else; a command that the
first write makes impossible, such as a deletion, asks `was_applied` before it checks, and calls
`record` when it writes.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from typing import NamedTuple

from peewee import Field, TextField, fn

from runstream_service.engine.statements import ANY_IDS, ANY_TEXTS, Statement, array_of
from runstream_service.engine.tables import (
    ExperimentWrite,
    ModelWrite,
    RegisteredModelWrite,
    Write,
)

#: Writers that are remembered for a run, an experiment or a logged model: those that wrote last.
WRITERS = 100


class WriteId(NamedTuple):
    """The id of a write, as in the contract: the writer, and the number among its writes."""

    writer: str
    sequence: int


Owner = int | str


class Writes:
    """The writes that were applied to runs, or to something else that has a table of writes."""

    def __init__(self, owner: Field) -> None:
        """Write the statements.

        Args:
            owner: the column of the table of writes that names the run, or what else it is.
        """
        table = owner.model
        any_owners = ANY_TEXTS if isinstance(owner, TextField) else ANY_IDS
        self._select = Statement(
            table.select(table.sequence).where((owner == 0) & (table.writer == b""))
        )
        self._select_all = Statement(
            table.select(owner, table.sequence).where((table.writer == b"") & owner.in_(any_owners))
        )
        # The row of a writer that writes again is a new one, with the maximum id.
        self._delete = Statement(table.delete().where((owner == 0) & (table.writer == b"")))
        newest = table.select(fn.MAX(table.id)).where(owner == 0)
        self._advance = Statement(
            table.update({table.sequence: 0}).where(
                (owner == 0) & (table.writer == b"") & (table.id == newest)
            )
        )
        self._insert = Statement(
            table.insert_many([(0, b"", 0)], [owner, table.writer, table.sequence])
        )
        later = table.alias()
        newest_dropped = (
            later.select(later.id)
            .where(getattr(later, owner.name) == 0)
            .order_by(later.id.desc())
            .limit(1)
            .offset(WRITERS)
        )
        self._drop_oldest = Statement(
            table.delete().where((owner == 0) & (table.id <= newest_dropped))
        )

    def accept(self, owner: Owner, write: WriteId | None) -> bool:
        """Record that a write is applied now; return False if it was applied before.

        Args:
            owner: the internal id, or the name of a registered model.
            write: its name, if it has one.
        """
        if write is None:
            return True
        last = self._select.first(owner, bytes.fromhex(write.writer))
        if last is None:
            self._add(owner, write)
        elif write.sequence <= last[0]:
            return False
        else:
            self.record(owner, write)
        return True

    def accept_all(self, owners: Sequence[int], write: WriteId | None) -> list[int]:
        """Do what `accept` does for several owners, each once, in a few round trips.

        Returns:
            Those to which the write was not applied before.
        """
        if write is None:
            return list(owners)
        writer = bytes.fromhex(write.writer)
        last = dict(map(tuple, self._select_all.rows(writer, array_of(owners))))
        accepted = [each for each in owners if each not in last or last[each] < write.sequence]
        self._delete.run_for_each((each, writer) for each in accepted if each in last)
        self._insert.run_for_each((each, writer, write.sequence) for each in accepted)
        self._drop_oldest.run_for_each((each, each, 1, WRITERS) for each in accepted)
        return accepted

    def was_applied(self, owner: Owner, write: WriteId | None) -> bool:
        """Return whether a write was applied before."""
        if write is None:
            return False
        last = self._select.first(owner, bytes.fromhex(write.writer))
        return last is not None and write.sequence <= last[0]

    def record(self, owner: Owner, write: WriteId | None) -> None:
        """Record that a write is applied now."""
        if write is None:
            return
        writer = bytes.fromhex(write.writer)
        if not self._advance.run(write.sequence, owner, writer, owner):
            self._delete.run(owner, writer)
            self._add(owner, write)

    def _add(self, owner: Owner, write: WriteId) -> None:
        """Record the write of a writer of which no row is there."""
        self.record_first(owner, write)
        self._drop_oldest.run(owner, owner, 1, WRITERS)

    def record_first(self, owner: Owner, write: WriteId | None) -> None:
        """Do what `record` does, for a run, experiment or model that this write has created."""
        if write is not None:
            self._insert.run(owner, bytes.fromhex(write.writer), write.sequence)


to_run = Writes(Write.run)
to_experiment = Writes(ExperimentWrite.owner)
to_model = Writes(ModelWrite.owner)
to_registered_model = Writes(RegisteredModelWrite.owner)


def derive_id(kind: str, owner: str, write: WriteId | None) -> str:
    """Return the id of what a write creates: the same one, when the write is sent again.

    Args:
        kind: what it creates.
        owner: where, so that nobody gets what another has created elsewhere by the same write.
        write: the name of the write; without one the id is random.
    """
    if write is None:
        return secrets.token_hex(16)
    text = f"{kind}/{owner}/{write.writer}/{write.sequence}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]
