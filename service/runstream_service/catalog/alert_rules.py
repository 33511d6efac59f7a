"""Rules of alerts: read on a reader's thread, or locked on the writer's.

`alert_rule_updates` writes them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple

from runstream.errors import NotFound
from runstream_service.access.caller import Caller, GrantRole
from runstream_service.access.visibility import VisibleStatement, allowed_roles
from runstream_service.catalog import experiments
from runstream_service.engine.statements import Statement
from runstream_service.engine.tables import AlertRule, Run

#: An experiment has at most so many rules, those of its runs included.
MAX_RULES = 100


class AlertLevel(IntEnum):
    """How bad it is."""

    INFO = 1
    WARN = 2
    ERROR = 3


class ConditionKind(IntEnum):
    """When a rule tells."""

    METRIC_ABOVE = 1
    METRIC_BELOW = 2
    METRIC_NAN = 3
    RUN_SILENT = 4
    RUN_ENDED = 5
    RUN_FAILED = 6
    ALERT_RAISED = 7


class Condition(NamedTuple):
    """When a rule tells.

    Attributes:
        kind: what it is about.
        metric_key: the metric that it is about; "" for any, and where it is about none.
        bound: a threshold, minutes, or the least level, by the kind.
    """

    kind: ConditionKind
    metric_key: str = ""
    bound: float = 0.0


class Destinations(NamedTuple):
    """Whom a rule tells, besides the interface."""

    webhook_urls: Sequence[str] = ()
    email_addresses: Sequence[str] = ()


class StoredRule(NamedTuple):
    """A rule, and what the caller may see of it.

    Attributes:
        row: the rule.
        run_id: the only run that it judges; "" if it judges all.
        is_writer: whether the caller may write to its experiment.
    """

    row: AlertRule
    run_id: str
    is_writer: bool


_OF_UUID = AlertRule.select().where(AlertRule.uuid == "")
_FIND = VisibleStatement(_OF_UUID, AlertRule.experiment)
_LOCK = VisibleStatement(_OF_UUID, AlertRule.experiment, lock=True)
_OF_EXPERIMENT = Statement(
    AlertRule.select().where(AlertRule.experiment == 0).order_by(AlertRule.id)
)
_UUIDS = Statement(
    Run.select(Run.id, Run.uuid)
    .join(AlertRule, on=AlertRule.run == Run.id)
    .where(AlertRule.experiment == 0)
)


def find(caller: Caller, rule_id: str) -> AlertRule | None:
    """Return a rule; None if there is none of this id that the caller sees."""
    found: list[AlertRule] = _FIND.models(caller, AlertRule, rule_id)
    return found[0] if found else None


def lock(caller: Caller, rule_id: str) -> AlertRule:
    """Return a rule that is to be changed, on the writer's thread: it is locked until the commit.

    Raises:
        NotFound: there is none of this id that the caller sees.
    """
    found: list[AlertRule] = _LOCK.models(caller, AlertRule, rule_id)
    if not found:
        raise NotFound(
            f"No alert rule with id={rule_id} exists",
            reason="ALERT_RULE_NOT_FOUND",
            field="rule_id",
            value=rule_id,
        )
    return found[0]


def of_experiment(caller: Caller, experiment_id: str) -> list[StoredRule]:
    """Return the rules of an experiment and of its runs, by age.

    Raises:
        InvalidArgument: the id is not of the form of one.
        NotFound: there is no experiment of this id that the caller sees.
    """
    experiment = experiments.get(caller, experiment_id).id
    rows = _OF_EXPERIMENT.models(AlertRule, experiment)
    uuids = dict(map(tuple, _UUIDS.rows(experiment)))
    is_writer = may_write(caller, experiment)
    return [StoredRule(row, uuids.get(row.run_id, ""), is_writer) for row in rows]


def describe(caller: Caller, row: AlertRule) -> StoredRule:
    """Return a rule as `of_experiment` does."""
    run_id = "" if row.run_id is None else Run.get_by_id(row.run_id).uuid
    return StoredRule(row, run_id, may_write(caller, row.experiment_id))


def may_write(caller: Caller, experiment: int) -> bool:
    """Return whether a caller who sees an experiment may write to it."""
    return allowed_roles(caller, [experiment]).get(experiment, 0) >= GrantRole.WRITER


def condition_of(rule: AlertRule) -> Condition:
    """Return when a rule tells."""
    return Condition(ConditionKind(rule.kind), rule.metric_key, float(rule.bound))


def destinations_of(rule: AlertRule) -> Destinations:
    """Return whom a rule tells."""
    return Destinations(json.loads(rule.webhook_urls), json.loads(rule.email_addresses))
