"""Judges what each transaction changes by the rules, before its commit, on the writer's thread.

So an alert is there if and only if that is what it tells of, and is told once: each change is
committed by one server.
"""

from __future__ import annotations

from collections.abc import Sequence

from runstream_service.alerts import metric_conditions
from runstream_service.alerts.findings import tell
from runstream_service.alerts.rule_book import Rule, RuleBook
from runstream_service.alerts.silence import Silence
from runstream_service.catalog.alert_rules import ConditionKind
from runstream_service.engine.batch import Batch
from runstream_service.engine.changes import Change
from runstream_service.engine.statuses import RunStatus
from runstream_service.engine.tables import Run

_OF_METRICS = frozenset(
    {ConditionKind.METRIC_ABOVE, ConditionKind.METRIC_BELOW, ConditionKind.METRIC_NAN}
)
_ENDS = {
    RunStatus.FINISHED: "it has finished",
    RunStatus.FAILED: "it has failed",
    RunStatus.KILLED: "it was killed",
}


class Judge:
    """What the writer asks to judge its transactions."""

    def __init__(self, book: RuleBook, silence: Silence) -> None:
        self._book = book
        self._silence = silence

    def begin(self) -> bool:
        """Return whether there are rules, so that the changes of a transaction are recorded."""
        return self._book.begin()

    def reset(self) -> None:
        """Read all again from the database, after a rollback."""
        self._book.reset()
        self._silence.reset()

    def judge(self, changes: Sequence[Change]) -> None:
        """Raise the alerts of a transaction."""
        batches: list[tuple[Rule, Batch]] = []
        is_current = True
        for change in changes:
            is_current &= change.moved_from is None  # rules of the run went with it
            for rule in self._book.rules_for(change.experiment_id, change.run_id):
                kind = rule.condition.kind
                if kind in _OF_METRICS:
                    if change.batch is not None and change.batch.keys:
                        batches.append((rule, change.batch))
                elif kind is ConditionKind.RUN_SILENT:
                    self._silence.note(rule, change)
                elif change.is_ended and change.run is not None:
                    is_current &= _judge_end(rule, change.run)
        if batches:
            is_current &= metric_conditions.judge(batches)
        if not is_current:
            self._book.reset()


def _judge_end(rule: Rule, run: Run) -> bool:
    """Tell of the end of a run; return False if the rule does not judge as it does in memory."""
    status = RunStatus(run.status)
    if rule.condition.kind is ConditionKind.RUN_FAILED and status is not RunStatus.FAILED:
        return True
    return tell(rule, run, _ENDS[status])
