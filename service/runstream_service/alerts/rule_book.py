"""The rules that judge, in memory: on the writer's thread, but for what says otherwise."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, TypeVar

from peewee import JOIN, fn

from runstream.errors import RunstreamError
from runstream_service.catalog.alert_rules import Condition, ConditionKind
from runstream_service.engine.statements import Statement
from runstream_service.engine.tables import AlertRule, Run
from runstream_service.engine.writer import Writer

T = TypeVar("T")

# Seconds after which what other servers, purges and moves of runs changed is known here.
_PAUSE = 5.0

# Changes with each change of a rule, and with its deletion.
_STAMP = Statement(
    AlertRule.select(
        fn.COUNT(AlertRule.id),
        fn.MAX(AlertRule.id),
        fn.SUM(AlertRule.version),
        fn.SUM(AlertRule.experiment),
    )
)
# Without models: to make those of thousands of rules takes longer than to read them.
_RULES = Statement(
    AlertRule.select(
        AlertRule.id,
        AlertRule.experiment,
        Run.uuid,
        AlertRule.kind,
        AlertRule.metric_key,
        AlertRule.bound,
    )
    .join(Run, JOIN.LEFT_OUTER)
    .where(AlertRule.enabled & (AlertRule.kind != 0))
    .order_by(AlertRule.id)
)
_WITH_DESTINATIONS = Statement(
    AlertRule.select(AlertRule.id)
    .where((AlertRule.webhook_urls != "") | (AlertRule.email_addresses != ""))
    .limit(0)
)


class Rule(NamedTuple):
    """A rule that judges what is committed.

    Attributes:
        run_id: the only run that it judges; "" if it judges all.
    """

    id: int
    run_id: str
    condition: Condition


class RuleBook:
    """The enabled rules, by experiment; raised alerts find theirs by themselves.

    Attributes:
        has_destinations: whether a rule, enabled or not, has somebody to tell besides the
            interface; read on the event loop.
        has_silence: whether a rule is about silence; read on the event loop.
    """

    def __init__(self) -> None:
        self.has_destinations = True
        self.has_silence = False
        self.reset()

    def reset(self) -> None:
        """Have the rules read again, because they may be other ones."""
        self._is_stale = True
        self._stamp: Any = None
        self._of_experiment: dict[int, list[Rule]] = {}

    def begin(self) -> bool:
        """Read the rules, if they may be other ones; return whether there are any."""
        if self._is_stale:
            self._load()
        return bool(self._of_experiment)

    def rules_for(self, experiment: int, run_id: str) -> Sequence[Rule]:
        """Return the rules that judge a run."""
        rules = self._of_experiment.get(experiment)
        if not rules:
            return ()
        return [rule for rule in rules if rule.run_id in ("", run_id)]

    def of_kind(self, kind: ConditionKind) -> list[tuple[int, Rule]]:
        """Return all rules of a kind, each with its experiment."""
        return [
            (experiment, rule)
            for experiment, rules in self._of_experiment.items()
            for rule in rules
            if rule.condition.kind is kind
        ]

    def change(self, command: Callable[..., T], *args: Any) -> T:
        """Run a command that changes rules; they judge from the next transaction on."""
        result = command(*args)
        self._is_stale = True
        return result

    async def refresh_regularly(self, writer: Writer, *, is_shared: bool) -> None:
        """Read the rules, and look for changes that `change` did not make, until cancelled.

        Args:
            writer: of the database.
            is_shared: whether other servers may add rules.
        """
        is_first = True
        while True:
            if is_first or is_shared or self._of_experiment:
                with suppress(RunstreamError):  # the writer has logged it
                    await writer.submit(self._refresh)
                    is_first = False
            await asyncio.sleep(_PAUSE)

    def _refresh(self) -> None:
        if _STAMP.first() != self._stamp:
            self._load()

    def _load(self) -> None:
        self._stamp = _STAMP.first()
        self._of_experiment = {}
        self.has_destinations = bool(_WITH_DESTINATIONS.rows("[]", "[]", 1))
        self.has_silence = False
        for rule, experiment, run_id, kind, key, bound in _RULES.rows(ConditionKind.ALERT_RAISED):
            condition = Condition(ConditionKind(kind), key, float(bound))
            self.has_silence |= condition.kind is ConditionKind.RUN_SILENT
            rules = self._of_experiment.setdefault(experiment, [])
            rules.append(Rule(rule, run_id or "", condition))
        self._is_stale = False
