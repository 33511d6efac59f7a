"""The call of a client that purges what is deleted."""

from __future__ import annotations

from collections.abc import Iterator

from runstream import entities
from runstream.contract.messages import new_message
from runstream.transport.connection import Connection
from runstream.v1 import maintenance_service_pb2 as maintenance


class MaintenanceCalls:
    """The part of `TrackingClient` that speaks to MaintenanceService."""

    _connection: Connection

    def purge(
        self, deleted_before: int | None = None, dry_run: bool = False
    ) -> Iterator[entities.Purged]:
        """Remove what is deleted for good: runs, experiments and logged models (E5).

        The work is done while the answers are read: one that is not read to its end stops soon,
        and what it has removed by then stays removed. Others can log meanwhile.

        Args:
            deleted_before: only what was deleted before this time, in milliseconds since the
                epoch; all that is deleted, if left out.
            dry_run: whether only to count what would be removed.

        Yields:
            What is removed up to now, several times a second; at the end the total. A dry run
            yields only the total.

        Raises:
            InvalidArgument: `deleted_before` is negative.
        """
        request = new_message(
            maintenance.PurgeRequest, deleted_before=deleted_before, dry_run=dry_run
        )
        for answer in self._connection.read_stream(lambda stubs: stubs.maintenance.Purge, request):
            yield entities.Purged.from_proto(answer)
