"""Alerts: read on a reader's thread, inserted on the writer's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from peewee import Tuple

from runstream_service.access.caller import Caller, GrantRole
from runstream_service.access.visibility import visible
from runstream_service.catalog import alert_deliveries, experiments, runs
from runstream_service.catalog.alert_rules import AlertLevel, ConditionKind, may_write
from runstream_service.catalog.run_state import state_for_write
from runstream_service.engine.applied_writes import WriteId, derive_id
from runstream_service.engine.budget import PAGE_BYTES
from runstream_service.engine.catalog_writes import RaisedAlert
from runstream_service.engine.clock import now
from runstream_service.engine.statements import ANY_IDS, Statement, array_of
from runstream_service.engine.tables import Alert, AlertDelivery, AlertRule, Run

#: Alerts that are kept of an experiment; the oldest are removed, after each so many new ones,
#: because to find them takes milliseconds.
MAX_ALERTS = 10_000
REMOVE_EVERY = 100

# Alerts whose deliveries are read at once, and bytes that a text has in a message besides.
_AT_ONCE = 50
_TEXT_BYTES = 16

_RULES = Statement(
    AlertRule.select()
    .where(
        (AlertRule.experiment == 0)
        & AlertRule.enabled
        & (AlertRule.kind == 0)
        & (AlertRule.bound <= 0)
        & (AlertRule.run.is_null() | (AlertRule.run == 0))
    )
    .order_by(AlertRule.id)
)
_OF_UUID = Statement(Alert.select().where(Alert.uuid == ""))
_NAMES = Statement(Run.select(Run.id, Run.uuid, Run.name).where(Run.id.in_(ANY_IDS)))
# By id, because clocks are set back, and those of two servers differ.
_TOO_OLD = (
    Alert.select(Alert.id).where(Alert.experiment == 0).order_by(Alert.id.desc()).limit(1).offset(0)
)
_DROP_OLD = Statement(Alert.delete().where((Alert.experiment == 0) & (Alert.id <= _TOO_OLD)))

# By experiment, how many alerts may come until the oldest are removed, and of how many that is
# remembered.
_left: dict[int, int] = {}
_REMEMBERED = 10_000


class NewAlert(NamedTuple):
    """What happened.

    Attributes:
        rule: the uuid of the rule that tells; "" if a program raised the alert.
        metric_key: the metric that it is about; "" if none.
        step: of the point that it is about.
        value: of the point that it is about.
    """

    title: str
    text: str
    level: AlertLevel
    rule: str = ""
    metric_key: str = ""
    step: int | None = None
    value: float | None = None


class StoredAlert(NamedTuple):
    """An alert, and what the caller may see of it.

    Attributes:
        row: the alert.
        run: the uuid and the name of its run; empty if it has none.
        deliveries: how far its destinations have been told.
        is_writer: whether the caller may write to its experiment.
    """

    row: Alert
    run: tuple[str, str]
    deliveries: Sequence[AlertDelivery]
    is_writer: bool


class AlertPage(NamedTuple):
    """Alerts, newest first, and whether there are older ones."""

    alerts: list[StoredAlert]
    is_more: bool


def create(
    caller: Caller, experiment_id: str, run_id: str, raised: RaisedAlert, write: WriteId | None
) -> StoredAlert:
    """Raise an alert of an experiment or of a run, or return the one of the same write.

    Raises:
        InvalidArgument, NotFound, PermissionDenied, FailedPrecondition: as
            `experiments.lock_active`, or as `state_for_write`.
    """
    run: int | None = None
    if run_id:
        run, experiment, *_ = state_for_write(caller, run_id)
    else:
        experiment = experiments.lock_active(caller, experiment_id, GrantRole.WRITER).id
    alert = raise_once(caller, experiment, run, raised, write)
    return _describe(caller, [alert])[0]


def raise_once(
    caller: Caller,
    experiment: int,
    run: int | None,
    raised: RaisedAlert,
    write: WriteId | None,
    number: int = 0,
) -> Alert:
    """Raise an alert of what is locked, or return the one of the same write.

    Args:
        caller: who raises it, and may.
        experiment: the internal id of its experiment.
        run: the internal id of its run.
        raised: what happened.
        write: the write that has it.
        number: its number among the alerts of the write.
    """
    subject = f"experiment/{experiment}" if run is None else f"run/{run}"
    uuid = derive_id("alert", f"{subject}/{number}", write)
    for same in _OF_UUID.models(Alert, uuid):
        return same
    rules = _RULES.models(
        AlertRule, experiment, ConditionKind.ALERT_RAISED, raised.level, -1 if run is None else run
    )
    new = NewAlert(raised.title, raised.text, AlertLevel(raised.level))
    return insert(experiment, run, new, rules, uuid=uuid, created_by=caller.name)


def insert(
    experiment: int,
    run: int | None,
    new: NewAlert,
    rules: Iterable[AlertRule],
    *,
    uuid: str,
    created_by: str = "",
) -> Alert:
    """Insert an alert, have the destinations of rules told of it, and remove the oldest."""
    alert: Alert = Alert.create(
        uuid=uuid,
        experiment=experiment,
        run=run,
        rule_uuid=new.rule,
        title=new.title,
        text=new.text,
        level=new.level,
        creation_time=now(),
        metric_key=new.metric_key,
        step=new.step,
        value=new.value,
        created_by=created_by,
    )
    alert_deliveries.insert(alert, rules)
    _remove_oldest(experiment)
    return alert


def _remove_oldest(experiment: int) -> None:
    """Remove the oldest alerts of an experiment, if that was not done a while ago."""
    left = _left.pop(experiment, 1) - 1
    if left <= 0:
        _DROP_OLD.run(experiment, experiment, 1, MAX_ALERTS)
        left = REMOVE_EVERY
    if len(_left) >= _REMEMBERED:
        _left.clear()
    _left[experiment] = left


def page(
    caller: Caller,
    experiment_id: str,
    run_id: str,
    since: int,
    after: Sequence[Any] | None,
    limit: int,
) -> AlertPage:
    """Return alerts of an experiment, of a run, or of all that a caller sees, newest first.

    Args:
        caller: who asks.
        experiment_id: the experiment, or "".
        run_id: the run, or "".
        since: only those that were stored then or later, in milliseconds since the epoch.
        after: what `position` returns of the last alert of the page before, if there was one.
        limit: how many at the most; fewer, if they are more than `PAGE_BYTES`.

    Raises:
        InvalidArgument: the id of the experiment is not of the form of one.
        NotFound: there is no such experiment or run that the caller sees.
    """
    query = Alert.select().where(Alert.creation_time >= since)
    if run_id:
        query = query.where(Alert.run == runs.get(caller, run_id).id)
    elif experiment_id:
        query = query.where(Alert.experiment == experiments.get(caller, experiment_id).id)
    else:
        query = query.where(*visible(caller, Alert.experiment))
    if after is not None:
        query = query.where(Tuple(Alert.creation_time, Alert.id) < Tuple(*after))
    newest = query.order_by(Alert.creation_time.desc(), Alert.id.desc()).limit(limit + 1)
    found, left = list(newest), PAGE_BYTES
    alerts: list[StoredAlert] = []
    for first in range(0, min(len(found), limit), _AT_ONCE):
        for alert in _describe(caller, found[first : min(first + _AT_ONCE, limit)]):
            left -= _size(alert)
            if alerts and left < 0:
                return AlertPage(alerts, is_more=True)
            alerts.append(alert)
    return AlertPage(alerts, len(found) > limit)


def _size(alert: StoredAlert) -> int:
    """Return about how many bytes an alert takes in a message."""
    texts = [alert.row.text, alert.row.title, alert.run[1]]
    for delivery in alert.deliveries:
        texts += (delivery.destination, delivery.error)
    return sum(len(text.encode()) + _TEXT_BYTES for text in texts)


def position(alert: StoredAlert) -> list[Any]:
    """Return where an alert is in the list of `page`."""
    return [alert.row.creation_time, alert.row.id]


def _describe(caller: Caller, rows: Sequence[Alert]) -> list[StoredAlert]:
    names = {
        run: (run_id, name)
        for run, run_id, name in _NAMES.rows(array_of({row.run_id or 0 for row in rows}))
    }
    deliveries = alert_deliveries.of_alerts([row.id for row in rows])
    writers = {row.experiment_id: False for row in rows}
    for experiment in writers:
        writers[experiment] = may_write(caller, experiment)
    return [
        StoredAlert(
            row,
            names.get(row.run_id or 0, ("", "")),
            deliveries[row.id],
            writers[row.experiment_id],
        )
        for row in rows
    ]
