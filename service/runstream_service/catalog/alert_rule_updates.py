"""Rules of alerts are created, changed and deleted here, on the writer's thread.

The run of a rule, or the rule, is locked first: it may be moved meanwhile. Then its experiment is,
so that the rules of an experiment change one after the other.
"""

from __future__ import annotations

import json
from typing import NamedTuple

from peewee import fn

from runstream.errors import FailedPrecondition, InvalidArgument
from runstream_service.access.caller import Caller, GrantRole
from runstream_service.catalog import experiments, runs
from runstream_service.catalog.alert_deliveries import drop_pending
from runstream_service.catalog.alert_rules import (
    MAX_RULES,
    AlertLevel,
    Condition,
    ConditionKind,
    Destinations,
    StoredRule,
    describe,
    find,
    lock,
)
from runstream_service.catalog.run_state import deleted_error
from runstream_service.engine import applied_writes
from runstream_service.engine.applied_writes import WriteId, derive_id
from runstream_service.engine.clock import now
from runstream_service.engine.statements import Statement
from runstream_service.engine.statuses import RunStatus
from runstream_service.engine.tables import AlertRule, AlertState, Run

_COUNT = Statement(AlertRule.select(fn.COUNT(AlertRule.id)).where(AlertRule.experiment == 0))


class NewRule(NamedTuple):
    """What is to be created; of a run if that is named, else of the experiment."""

    experiment_id: str
    run_id: str
    name: str
    level: AlertLevel
    condition: Condition
    destinations: Destinations
    webhook_secret: str


class Change(NamedTuple):
    """What is to be other of a rule; None leaves it as it is."""

    name: str | None = None
    level: AlertLevel | None = None
    enabled: bool | None = None
    condition: Condition | None = None
    destinations: Destinations | None = None
    webhook_secret: str | None = None


def create(caller: Caller, new: NewRule, write: WriteId | None) -> StoredRule:
    """Create a rule, or return the one that the same write created.

    Raises:
        InvalidArgument, NotFound, PermissionDenied, FailedPrecondition: as
            `experiments.lock_active`; also of the run.
        InvalidArgument: it has webhooks and no secret.
        FailedPrecondition: the experiment has too many rules.
    """
    run = runs.lock(caller, new.run_id) if new.run_id else None
    experiment_id = str(run.experiment_id) if run else new.experiment_id
    experiment = experiments.lock_active(caller, experiment_id, GrantRole.WRITER).id
    if run and run.deleted:
        raise deleted_error(new.run_id)
    uuid = derive_id("rule", f"run/{run.id}" if run else str(experiment), write)
    same = find(caller, uuid)
    if same is not None:
        return describe(caller, same)
    _check_secret(new.destinations, new.webhook_secret)
    check_room(experiment, 1)
    created = now()
    rule = AlertRule(
        uuid=uuid,
        experiment=experiment,
        run=run,
        name=new.name,
        level=new.level,
        enabled=True,
        webhook_secret=new.webhook_secret,
        creation_time=created,
        last_update_time=created,
        created_by=caller.name,
        version=1,
    )
    _set_condition(rule, new.condition)
    _set_destinations(rule, new.destinations)
    rule.save(force_insert=True)
    _begin_silence(rule, run)
    return describe(caller, rule)


def update(caller: Caller, rule_id: str, change: Change, write: WriteId | None) -> StoredRule:
    """Change a rule and return it.

    Raises:
        NotFound: there is none of this id that the caller sees.
        PermissionDenied: the caller may not write to its experiment.
        FailedPrecondition: its experiment is deleted.
        InvalidArgument: it would have webhooks and no secret.
    """
    rule = _lock(caller, rule_id)
    if applied_writes.to_experiment.was_applied(rule.experiment_id, write):
        return describe(caller, rule)
    for name in ("name", "level", "enabled", "webhook_secret"):
        value = getattr(change, name)
        if value is not None:
            setattr(rule, name, value)
    if change.destinations is not None:
        _set_destinations(rule, change.destinations)
        urls, addresses = change.destinations
        drop_pending(rule.id, "the rule has it no longer", [*urls, *addresses])
    if change.destinations is not None or change.webhook_secret is not None:
        _check_secret(Destinations(json.loads(rule.webhook_urls)), rule.webhook_secret)
    if change.condition is not None:
        _set_condition(rule, change.condition)
    applied_writes.to_experiment.record(rule.experiment_id, write)
    rule.last_update_time = now()
    rule.version += 1
    rule.save()
    if change.condition is not None or change.enabled is not None:
        AlertState.delete().where(AlertState.rule == rule.id).execute()
        _begin_silence(rule, Run.get_or_none(Run.id == rule.run_id))
    return describe(caller, rule)


def delete(caller: Caller, rule_id: str) -> None:
    """Delete a rule, if there is one of this id that the caller sees.

    Raises:
        PermissionDenied: the caller may not write to its experiment.
        FailedPrecondition: its experiment is deleted.
    """
    if find(caller, rule_id) is not None:
        rule = _lock(caller, rule_id)
        drop_pending(rule.id, "the rule was deleted")
        rule.delete_instance()


def _lock(caller: Caller, rule_id: str) -> AlertRule:
    """Return a rule that stays as it is until the commit."""
    rule = lock(caller, rule_id)
    experiments.lock_active(caller, str(rule.experiment_id), GrantRole.WRITER)
    return rule


def _set_condition(rule: AlertRule, condition: Condition) -> None:
    rule.kind, rule.metric_key, rule.bound = condition


def _set_destinations(rule: AlertRule, destinations: Destinations) -> None:
    rule.webhook_urls = json.dumps(list(destinations.webhook_urls))
    rule.email_addresses = json.dumps(list(destinations.email_addresses))


def _begin_silence(rule: AlertRule, run: Run | None) -> None:
    """Count from now for how long the run of a rule is silent.

    Other runs are judged from their first news on, and so not those that nobody ended long ago.
    """
    if run and rule.kind == ConditionKind.RUN_SILENT and run.status == RunStatus.RUNNING:
        AlertState.create(
            rule=rule, run=run, metric_key="", holds=False, time=now(), step=0, timestamp=0
        )


def _check_secret(destinations: Destinations, secret: str) -> None:
    if destinations.webhook_urls and not secret:
        raise InvalidArgument(
            "Missing value for required parameter 'webhook_secret': the rule has webhooks, which "
            "are signed",
            reason="SECRET_MISSING",
            field="webhook_secret",
            limit="whsec_ and the base64 of 24 to 64 bytes",
        )


def check_room(experiment: int, more: int) -> None:
    """Check that a locked experiment may have some more rules.

    Raises:
        FailedPrecondition: it has too many.
    """
    row = _COUNT.first(experiment)
    if row is None or row[0] + more <= MAX_RULES:
        return
    raise FailedPrecondition(
        f"Experiment {experiment} has {row[0]} alert rules and can have {MAX_RULES}; delete some",
        reason="ALERT_RULES_TOO_MANY",
        field="experiment_id",
        value=experiment,
        limit=MAX_RULES,
    )
