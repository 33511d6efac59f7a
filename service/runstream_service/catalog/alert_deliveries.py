"""What is delivered of alerts: an outbox, whose rows are written with the alert."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from enum import IntEnum
from itertools import chain, islice
from typing import Any, NamedTuple

from peewee import JOIN

from runstream_service.catalog.alert_rules import destinations_of
from runstream_service.engine.clock import now
from runstream_service.engine.statements import ANY_IDS, ANY_TEXTS, Statement, array_of, in_texts
from runstream_service.engine.tables import Alert, AlertDelivery, AlertRule, Experiment, Run

#: Deliveries of one experiment that wait at the most. Beyond this, new ones fail at once.
MAX_PENDING = 1_000

#: Destinations that one alert is delivered to. Beyond this, the next one alone is kept, as failed.
MAX_DESTINATIONS = 50

#: Attempts after which a delivery has failed: some 27 hours after the first.
MAX_ATTEMPTS = 10

#: Seconds between the first two attempts; each pause is three times as long as the one before.
FIRST_PAUSE = 10

#: Seconds for which a destination may ask to be left alone, where the pause would be shorter.
MAX_RETRY_AFTER = 3_600

#: Seconds for which whoever takes a delivery has it.
LEASE = 120

# Characters of the text of an error that are kept.
_ERROR_CHARACTERS = 500


class DeliveryState(IntEnum):
    """How far a delivery is."""

    PENDING = 1
    DELIVERED = 2
    FAILED = 3


class Busy(NamedTuple):
    """Where a delivery is under way."""

    destination: str
    experiment: int


class Envelope(NamedTuple):
    """A delivery that is under way.

    Attributes:
        id: the internal id of the delivery.
        attempts: how often it was tried, with the attempt that is under way.
        until: how long whoever took it has it, in milliseconds since the epoch.
        message_id: names it for the receiver, who gets it maybe more than once.
        secret: by which webhooks are signed.
        run_id: the uuid of the run; "" if the alert has none.
    """

    id: int
    attempts: int
    until: int
    destination: str
    message_id: str
    secret: str
    alert: Alert
    experiment_name: str
    run_id: str
    run_name: str


_DUE = Statement(
    AlertDelivery.select(AlertDelivery.id, AlertDelivery.destination, Alert.experiment)
    .join(Alert)
    .where(
        (AlertDelivery.state == 0)
        & (AlertDelivery.time <= 0)
        & AlertDelivery.destination.not_in(ANY_TEXTS)
        & Alert.experiment.not_in(ANY_IDS)
    )
    .order_by(AlertDelivery.attempts, AlertDelivery.time)
    .limit(0)
)
_PENDING = Statement(
    AlertDelivery.select(AlertDelivery.id)
    .join(Alert)
    .where((AlertDelivery.state == 0) & (Alert.experiment == 0))
    .limit(0)
)
_INSERT = Statement(
    AlertDelivery.insert(
        {
            AlertDelivery.alert: 0,
            AlertDelivery.rule: 0,
            AlertDelivery.destination: "",
            AlertDelivery.state: 0,
            AlertDelivery.attempts: 0,
            AlertDelivery.time: 0,
            AlertDelivery.error: "",
        }
    )
)
_OF_ALERTS = Statement(
    AlertDelivery.select().where(AlertDelivery.alert.in_(ANY_IDS)).order_by(AlertDelivery.id)
)


def insert(alert: Alert, rules: Iterable[AlertRule]) -> None:
    """Have the destinations of rules told of a new alert."""
    told = ((rule.id, to) for rule in rules for to in chain(*destinations_of(rule)))
    first = list(islice(told, MAX_DESTINATIONS + 1))
    if not first:
        return
    waiting = _PENDING.rows(DeliveryState.PENDING, alert.experiment_id, MAX_PENDING)
    room = min(MAX_PENDING - len(waiting), MAX_DESTINATIONS)
    why = f"{MAX_PENDING:,} deliveries of the experiment wait"
    if room == MAX_DESTINATIONS:
        why = f"an alert is delivered to {MAX_DESTINATIONS} destinations"
    for number, (rule, destination) in enumerate(first):
        is_in = number < room
        state = DeliveryState.PENDING if is_in else DeliveryState.FAILED
        _INSERT.run(
            alert.id, rule, destination, state, 0, alert.creation_time, "" if is_in else why
        )


def drop_pending(rule: int, why: str, but: Sequence[str] = ()) -> None:
    """Give up what is still to be delivered of a rule, but for some destinations."""
    AlertDelivery.update(state=DeliveryState.FAILED, error=why).where(
        (AlertDelivery.rule == rule)
        & (AlertDelivery.state == DeliveryState.PENDING)
        & AlertDelivery.destination.not_in(in_texts(but))
    ).execute()


def of_alerts(alerts: Sequence[int]) -> dict[int, list[Any]]:
    """Return the deliveries of alerts, by their internal ids."""
    found: dict[int, list[Any]] = {alert: [] for alert in alerts}
    for delivery in _OF_ALERTS.models(AlertDelivery, array_of(alerts)):
        found[delivery.alert_id].append(delivery)
    return found


def is_any_due(busy: Sequence[Busy], of_experiment: int) -> bool:
    """Return whether `take_due` has something to take."""
    return bool(_due(busy, of_experiment, now(), 1))


def take_due(busy: Sequence[Busy], of_experiment: int, limit: int) -> list[Envelope]:
    """Take what is to be delivered now, that which was tried least first.

    Args:
        busy: what is under way; its destinations get nothing now.
        of_experiment: deliveries of one experiment at the most, with those under way.
        limit: how many deliveries at the most; no two of them to the same destination.
    """
    moment = now()
    counts = Counter(each.experiment for each in busy)
    destinations: set[str] = set()
    taken: list[Envelope] = []
    for delivery, destination, experiment in _due(busy, of_experiment, moment, 10 * limit):
        if destination in destinations or counts[experiment] >= of_experiment:
            continue
        envelope = _take(delivery, moment)
        if envelope is not None:
            destinations.add(destination)
            counts[experiment] += 1
            taken.append(envelope)
        if len(taken) >= limit:
            break
    return taken


def finish(envelope: Envelope, error: str, retry_after: float = 0) -> None:
    """Record how an attempt ended, unless somebody else has taken the delivery since.

    Args:
        envelope: what was delivered.
        error: why it was not; "" if it was.
        retry_after: for how many seconds the destination asks to be left alone, of which
            `MAX_RETRY_AFTER` are granted.
    """
    state, time = DeliveryState.DELIVERED, now()
    if error and envelope.attempts >= MAX_ATTEMPTS:
        state = DeliveryState.FAILED
    elif error:
        state = DeliveryState.PENDING
        pause = FIRST_PAUSE * 3 ** (envelope.attempts - 1)
        time += int(1000 * max(pause, min(retry_after, MAX_RETRY_AFTER)))
    # What a receiver says may be no text that a database takes.
    text = "".join(each if each.isprintable() else "?" for each in error[:_ERROR_CHARACTERS])
    AlertDelivery.update(state=state, time=time, error=text).where(
        (AlertDelivery.id == envelope.id)
        & (AlertDelivery.state == DeliveryState.PENDING)
        & (AlertDelivery.time == envelope.until)
    ).execute()


def _due(busy: Sequence[Busy], of_experiment: int, moment: int, limit: int) -> Sequence[Any]:
    """Return the id, the destination and the experiment of what may be taken."""
    counts = Counter(each.experiment for each in busy)
    full = [experiment for experiment, count in counts.items() if count >= of_experiment]
    destinations = array_of({each.destination for each in busy})
    return _DUE.rows(DeliveryState.PENDING, moment, destinations, array_of(full), limit)


def _take(delivery: int, moment: int) -> Envelope | None:
    """Take a delivery; None, if another server has taken it, or it was tried too often."""
    until = moment + 1000 * LEASE
    attempts = AlertDelivery.attempts
    mine = (AlertDelivery.id == delivery) & (AlertDelivery.state == DeliveryState.PENDING)
    is_due = AlertDelivery.time <= moment
    if (
        not AlertDelivery.update(time=until, attempts=attempts + 1)
        .where(mine & is_due & (attempts < MAX_ATTEMPTS))
        .execute()
    ):
        AlertDelivery.update(state=DeliveryState.FAILED, error="the last attempt had no end").where(
            mine & is_due & (attempts >= MAX_ATTEMPTS)
        ).execute()
        return None
    row = (
        AlertDelivery.select(AlertDelivery, Alert, Experiment, Run, AlertRule)
        .join(Alert)
        .join(Experiment)
        .switch(Alert)
        .join(Run, JOIN.LEFT_OUTER)
        .switch(AlertDelivery)
        .join(AlertRule, JOIN.LEFT_OUTER)
        .where(AlertDelivery.id == delivery)
        .get()
    )
    alert = row.alert
    return Envelope(
        id=delivery,
        attempts=row.attempts,
        until=until,
        destination=row.destination,
        message_id=f"{alert.uuid}-{delivery}",
        secret=row.rule.webhook_secret if row.rule else "",
        alert=alert,
        experiment_name=alert.experiment.name,
        run_id=alert.run.uuid if alert.run else "",
        run_name=alert.run.name if alert.run else "",
    )
