"""What a handle of a run logs, and says of it: by batches, in the order of the calls."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import timedelta

from runstream import entities
from runstream.calls.client import TrackingClient
from runstream.contract.metric_numbers import IntegerLike, MetricValue
from runstream.contract.params_and_tags import OnError, Pairs
from runstream.contract.run_batches import deleted_tag_batch, inputs_batch, outputs_batch
from runstream.outbox.buffer import RunBuffer


class RunLogging:
    """The part of `ActiveRun` that logs; none of its methods waits for the server.

    Attributes:
        buffer: the queue of what is logged to it.
    """

    buffer: RunBuffer
    _client: TrackingClient
    _info: entities.RunInfo

    def log_metric(
        self,
        key: str,
        value: MetricValue,
        step: IntegerLike | None = 0,
        timestamp: IntegerLike | None = None,
    ) -> None:
        """Log one point; see `runstream.log_metric`."""
        self.buffer.log_metric(key, value, step, timestamp)

    def log_metrics(
        self,
        metrics: Mapping[str, MetricValue],
        step: IntegerLike | None = 0,
        timestamp: IntegerLike | None = None,
        on_error: OnError = "raise",
    ) -> None:
        """Log one point of each of several metrics; see `runstream.log_metrics`."""
        self.buffer.log_metrics(metrics, step, timestamp, on_error)

    def log_columns(
        self,
        key: str | Collection[str] | Collection[int],
        value: Collection[MetricValue],
        step: Collection[IntegerLike],
        timestamp: Collection[IntegerLike] | None = None,
        *,
        keys: Sequence[str] | None = None,
    ) -> None:
        """Log many points at once, in columns; see `runstream.log_columns`."""
        self.buffer.log_columns(key, value, step, timestamp, keys)

    def log_param(self, key: str, value: object) -> None:
        """Log one param; see `runstream.log_params`."""
        self.buffer.log_params({key: value})

    def log_params(self, params: Pairs, on_error: OnError = "raise") -> None:
        """Log params; see `runstream.log_params`."""
        self.buffer.log_params(params, on_error)

    def log_config(self, config: object, prefix: str = "") -> str:
        """Log a nested configuration; see `runstream.log_config`."""
        return self._client.log_config(self._info.run_id, config, prefix)

    def set_tag(self, key: str, value: object) -> None:
        """Set one tag; see `runstream.set_tags`."""
        self.buffer.set_tags({key: value})

    def set_tags(self, tags: Pairs, on_error: OnError = "raise") -> None:
        """Set tags; see `runstream.set_tags`."""
        self.buffer.set_tags(tags, on_error)

    def alert(
        self,
        title: str,
        text: str = "",
        level: object = "INFO",
        wait_duration: float | timedelta = 60,
    ) -> None:
        """Raise an alert; see `runstream.alert`."""
        self.buffer.alert(title, text, level, wait_duration)

    def delete_tag(self, key: str) -> None:
        """Delete a tag; see `runstream.delete_tag`."""
        self.buffer.queue_batch(deleted_tag_batch(self._info.run_id, key))

    def log_inputs(self, datasets: Iterable[entities.DatasetInput]) -> None:
        """Record datasets that the run read; see `runstream.log_inputs`."""
        messages = [dataset.to_proto() for dataset in datasets]
        self.buffer.queue_batch(inputs_batch(self._info.run_id, messages))

    def log_outputs(self, models: Iterable[tuple[str, int]]) -> None:
        """Record models that the run made; see `runstream.log_outputs`."""
        self.buffer.queue_batch(outputs_batch(self._info.run_id, models))
