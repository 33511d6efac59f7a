"""What searches return: lists that show as tables in a notebook."""

from __future__ import annotations

from runstream.entities.experiment import Experiment
from runstream.entities.notebook_html import list_table, time_text
from runstream.entities.run import Run


class FoundRuns(list[Run]):
    """Runs that a search found."""

    def _repr_html_(self) -> str:
        """Return the runs as a table for a notebook, with their metrics and params."""
        rows = [
            {
                "run": run.info.run_name,
                "status": run.info.status,
                "start": time_text(run.info.start_time),
                "run_id": run.info.run_id,
            }
            | {f"metrics.{key}": value for key, value in run.data.metrics.items()}
            | {f"params.{key}": value for key, value in run.data.params.items()}
            for run in self
        ]
        names = dict.fromkeys(name for row in rows for name in row)
        # A run's own properties come first, then metrics, then params.
        columns = sorted(names, key=lambda name: (name.startswith("params."), "." in name))
        return list_table("runs", columns, rows)


class FoundExperiments(list[Experiment]):
    """Experiments that a search found."""

    def _repr_html_(self) -> str:
        """Return the experiments as a table for a notebook."""
        columns = ("name", "experiment_id", "lifecycle_stage", "created")
        rows = [
            {
                "name": experiment.name,
                "experiment_id": experiment.experiment_id,
                "lifecycle_stage": experiment.lifecycle_stage,
                "created": time_text(experiment.creation_time),
            }
            for experiment in self
        ]
        return list_table("experiments", columns, rows)
