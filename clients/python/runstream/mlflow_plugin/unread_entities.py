"""MLflow's entities of which a part is read when it is asked for, because the server was away.

MLflow's functions read a run or an experiment where they need little of it: the place of its
artifacts, its status, whether it is deleted. That much is known of what this process made, and of
others it is taken for granted that they are not deleted. The rest is read by the attributes, which
wait for the server as every read does, and raise as it does.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from mlflow.entities import Experiment, Run, RunData, RunInfo

from runstream.mlflow_plugin.mlflow_errors import with_mlflow_errors


class UnreadRun(Run):
    """A run of which the server was not asked yet.

    Its inputs and outputs are None, because MLflow 3 looks at them whenever a metric is logged: it
    records those that are not among them.
    """

    def __init__(self, info: RunInfo, read: Callable[[], Run], *, is_known: bool) -> None:
        """Make a run.

        Args:
            info: what is known of it.
            read: reads the run.
            is_known: whether that is all of `info`; else it is the id, and that the run can be
                resumed if it is there.
        """
        read = cache(with_mlflow_errors(read))
        super().__init__(info if is_known else UnreadRunInfo(info, read), UnreadRunData(read))


class UnreadRunInfo(RunInfo):
    """The info of a run of which only the id is known."""

    def __init__(self, info: RunInfo, read: Callable[[], Run]) -> None:
        # The constructors of MLflow's versions differ.
        self.__dict__.update(vars(info))
        self._read = read

    @property
    def experiment_id(self) -> Any:
        """The experiment."""
        return self._read().info.experiment_id

    @property
    def run_name(self) -> Any:
        """The name."""
        return self._read().info.run_name

    @property
    def user_id(self) -> Any:
        """Who started it."""
        return self._read().info.user_id

    @property
    def status(self) -> Any:
        """The status."""
        return self._read().info.status

    @property
    def start_time(self) -> Any:
        """When it started, in milliseconds since the epoch."""
        return self._read().info.start_time


class UnreadRunData(RunData):
    """What a run logged, of which the server was not asked yet."""

    def __init__(self, read: Callable[[], Run]) -> None:
        self._read = read

    @property
    def metrics(self) -> Any:
        """The latest value of each metric."""
        return self._read().data.metrics

    @property
    def params(self) -> Any:
        """The params."""
        return self._read().data.params

    @property
    def tags(self) -> Any:
        """The tags."""
        return self._read().data.tags

    @property
    def _metric_objs(self) -> Any:
        return self._read().data._metric_objs


class UnreadExperiment(Experiment):
    """An experiment of which the server was not asked yet; it is taken for active."""

    def __init__(
        self, experiment_id: str, name: str | None, read: Callable[[], Experiment]
    ) -> None:
        """Make an experiment.

        Args:
            experiment_id: its id, or what stands for it.
            name: its name; None if it has to be read.
            read: reads the experiment.
        """
        super().__init__(experiment_id, name or "", "", "active")
        self._read = cache(with_mlflow_errors(read))
        self._is_named = name is not None

    @property
    def name(self) -> Any:
        """The name."""
        return self._name if self._is_named else self._read().name

    @property
    def artifact_location(self) -> Any:
        """The root of the artifacts."""
        return self._read().artifact_location

    @property
    def tags(self) -> Any:
        """The tags."""
        return self._read().tags

    @property
    def creation_time(self) -> Any:
        """When it was created, in milliseconds since the epoch."""
        return self._read().creation_time

    @property
    def last_update_time(self) -> Any:
        """When it was changed last, in milliseconds since the epoch."""
        return self._read().last_update_time
