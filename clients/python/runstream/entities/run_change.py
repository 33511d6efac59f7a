"""A change of a run, which a watch yields."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, repeat

from runstream.contract.response_checks import check_columns
from runstream.entities.metric import Metric
from runstream.entities.run import RunInfo
from runstream.v1 import watch_service_pb2


@dataclass(frozen=True)
class RunChange:
    """A change of a run that was committed; fields that are empty did not change.

    Attributes:
        run_id: the run.
        experiment_id: its experiment.
        info: what the run is now, if it was created or its status, name, times or stage changed.
        metrics: points that were logged, maybe once more.
        params: params that were logged, maybe once more, by key.
        tags: tags that were set, by key.
        deleted_tags: keys of tags that were deleted.
        purged: whether the run was removed for good.
        console_line: number of the first line of the console that is new or has another text; 0 if
            there is none. `TrackingClient.read_console` returns the lines.
        moved_from: the experiment that it was moved from to the present one; empty, if it was not.
        position: where a later watch starts to go on after this change.
    """

    run_id: str
    experiment_id: str
    info: RunInfo | None
    metrics: list[Metric]
    params: dict[str, str]
    tags: dict[str, str]
    deleted_tags: tuple[str, ...]
    purged: bool
    console_line: int
    moved_from: str
    position: str

    @classmethod
    def from_proto(cls, message: watch_service_pb2.RunChange, position: str) -> RunChange:
        """Convert the message of the contract."""
        table = message.metrics
        check_columns(table)
        keys = chain.from_iterable(map(repeat, table.keys, table.counts))
        return cls(
            run_id=message.run_id,
            experiment_id=message.experiment_id,
            info=RunInfo.from_proto(message.info) if message.HasField("info") else None,
            metrics=list(map(Metric, keys, table.value, table.timestamp, table.step)),
            params={param.key: param.value for param in message.params},
            tags={tag.key: tag.value for tag in message.tags},
            deleted_tags=tuple(message.deleted_tags),
            purged=message.purged,
            console_line=message.console_line,
            moved_from=message.moved_from,
            position=position,
        )
