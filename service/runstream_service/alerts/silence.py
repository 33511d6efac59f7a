"""Runs that log nothing, though they are RUNNING: on the writer's thread.

The last news of a run are in the state of each rule for silence. They are stored anew when a tenth
of what the rule allows has passed; so a rule tells after at most a tenth more, and seldom writes.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

from runstream.errors import RunstreamError
from runstream_service.alerts.findings import tell
from runstream_service.alerts.rule_book import Rule, RuleBook
from runstream_service.catalog.alert_rules import ConditionKind
from runstream_service.engine.changes import Change
from runstream_service.engine.clock import now
from runstream_service.engine.statements import Statement
from runstream_service.engine.statuses import RunStatus
from runstream_service.engine.tables import AlertState, Run
from runstream_service.engine.writer import Writer

#: Keys of the metrics of the machine, which a program that hangs goes on logging, begin with this.
SYSTEM = "system/"

# Seconds in which programs can reconnect after the server was away, and between two looks.
_GRACE = 30.0
_PAUSE = 10.0

# Seconds by which the clocks of two servers may differ.
_SKEW = 60

# Runs that one look tells of, for each rule.
_AT_ONCE = 100

# What is remembered of stored news at the most.
_REMEMBERED = 50_000

_SAVE = Statement(
    AlertState.insert(
        {
            AlertState.rule: 0,
            AlertState.run: 0,
            AlertState.metric_key: "",
            AlertState.holds: False,
            AlertState.time: 0,
            AlertState.step: 0,
            AlertState.timestamp: 0,
        }
    ).on_conflict(
        conflict_target=[AlertState.rule, AlertState.run, AlertState.metric_key],
        preserve=[AlertState.holds, AlertState.time],
    )
)
_RUN = Statement(Run.select(Run.id).where(Run.uuid == ""))
_FORGET = Statement(AlertState.delete().where((AlertState.rule == 0) & (AlertState.run == 0)))
_SILENT = Statement(
    AlertState.select(AlertState.run, AlertState.time)
    .join(Run)
    .where(
        (AlertState.rule == 0)
        & ~AlertState.holds
        & ((AlertState.time < 0) | (AlertState.time > 0))
        & (Run.status == 0)
        & ~Run.deleted
        & (Run.experiment == 0)
    )
    .limit(0)
)
# In the order of the model's fields, which is Peewee's.
_MARK = Statement(
    AlertState.update({AlertState.holds: True}).where(
        (AlertState.rule == 0) & (AlertState.run == 0) & ~AlertState.holds & (AlertState.time == 0)
    )
)
# Counts news that seem to be of the future, because the clock was set back, from now on.
_DATE_BACK = Statement(
    AlertState.update({AlertState.time: 0}).where(
        (AlertState.rule == 0) & (AlertState.run == 0) & (AlertState.time == 0)
    )
)


class Silence:
    """Notes the news of runs, and finds those without."""

    def __init__(self, book: RuleBook) -> None:
        self._book = book
        self._stored: dict[tuple[int, str], float] = {}  # monotonic time, by rule and run

    def reset(self) -> None:
        """Store the next news of every run, after a rollback."""
        self._stored.clear()

    def note(self, rule: Rule, change: Change) -> None:
        """Note what is news of a run."""
        at = rule.id, change.run_id
        if change.is_ended:
            self._stored.pop(at, None)
            for (run,) in _RUN.rows(change.run_id):
                _FORGET.run(rule.id, run)
        elif _is_news(change):
            moment = time.monotonic()
            is_stored = moment - self._stored.get(at, -1e9) < rule.condition.bound * 6
            if is_stored and change.moved_from is None:  # a move has removed what was stored
                return
            if len(self._stored) >= _REMEMBERED:
                self._stored.clear()
            self._stored[at] = moment
            for (run,) in _RUN.rows(change.run_id):
                _SAVE.run(rule.id, run, "", False, now(), 0, 0)

    def tell_of_silent_runs(self) -> None:
        """Tell of the runs that have had no news for too long."""
        for experiment, rule in self._book.of_kind(ConditionKind.RUN_SILENT):
            minutes = int(rule.condition.bound)
            moment = now()
            before, after = moment - minutes * 66_000, moment + 1000 * _SKEW
            for run, stored in _SILENT.rows(
                rule.id, before, after, RunStatus.RUNNING, experiment, _AT_ONCE
            ):
                if stored > moment:
                    _DATE_BACK.run(moment, rule.id, run, stored)
                # Other servers look for them, too, and one alone changes the row.
                elif _MARK.run(True, rule.id, run, stored):
                    what = f"no news for {minutes} minute{'s' if minutes > 1 else ''}"
                    tell(rule, Run.get_by_id(run), what)

    async def look_regularly(self, writer: Writer) -> None:
        """Look for silent runs, until cancelled."""
        await asyncio.sleep(_GRACE)
        while True:
            if self._book.has_silence:
                with suppress(RunstreamError):  # the writer has logged it
                    await writer.submit(self.tell_of_silent_runs)
            await asyncio.sleep(_PAUSE)


def _is_news(change: Change) -> bool:
    batch = change.batch
    if change.purged:
        return False
    if batch is None or batch.params or batch.tags or batch.console_line:
        return True
    return any(not key.startswith(SYSTEM) for key in batch.keys)
