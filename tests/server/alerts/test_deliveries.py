"""Destinations are told of alerts: rows N3, N4, N9 and N10 of docs/behaviour.md."""

from __future__ import annotations

import asyncio
import base64
import email
import email.policy
import hashlib
import hmac
import json
import math
import socket
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from runstream.v1.alert_pb2 import Alert, AlertDeliveryState, AlertDestinations
from runstream_service.access.caller import ANYONE
from runstream_service.alerts import webhook
from runstream_service.alerts.mail import parse_smtp_url
from runstream_service.alerts.webhook import DeliveryError
from runstream_service.catalog import alert_deliveries, alert_rule_updates, alerts
from runstream_service.catalog.alert_deliveries import MAX_ATTEMPTS, Busy, DeliveryState, Envelope
from runstream_service.catalog.alert_rules import (
    AlertLevel,
    Condition,
    ConditionKind,
    Destinations,
)
from runstream_service.engine.catalog_writes import RaisedAlert
from runstream_service.engine.store import Store, open_engine
from runstream_service.engine.tables import AlertDelivery
from support.alerts import SECRET, create_rule, raise_alert, wait_for_alerts
from support.api import Api, make_batch
from support.receivers import Mailbox, Receiver, open_mailbox, open_receiver
from support.server_process import ServerProcess

DELIVERED = AlertDeliveryState.ALERT_DELIVERY_STATE_DELIVERED
PENDING = AlertDeliveryState.ALERT_DELIVERY_STATE_PENDING


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with open_receiver() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def mailbox() -> Iterator[Mailbox]:
    with open_mailbox() as mailbox:
        yield mailbox


@pytest.fixture
def sending(
    start_server: Callable[..., ServerProcess], mailbox: Mailbox, connect: Callable[..., Api]
) -> Api:
    """A server that sends e-mail, and calls webhooks on this machine."""
    server = start_server(
        RUNSTREAM_SMTP_URL=f"smtp://ada:p%40ss@127.0.0.1:{mailbox.port}?from=runstream@example.com",
        RUNSTREAM_ALERT_PRIVATE_WEBHOOKS="1",
    )
    return connect(server.address)


def is_settled(alert: Alert) -> bool:
    return all(each.attempts and (each.state != PENDING or each.error) for each in alert.deliveries)


def test_webhooks_and_mails_tell_of_an_alert(
    sending: Api, receiver: Receiver, mailbox: Mailbox
) -> None:
    """N9, N10."""
    receiver.status = 204
    experiment = sending.create_experiment("größe")
    run_id = sending.create_run(experiment)
    path = f"/hook?key={run_id}"
    hook = receiver.url + path
    create_rule(
        sending,
        experiment_id=experiment,
        name="größer als 2",
        metric_above={"metric_key": "loss", "threshold": 2},
        destinations=AlertDestinations(
            webhook_urls=[hook, f"{receiver.url.replace('127.0.0.1', 'localhost')}/other"],
            email_addresses=["bob@example.com"],
        ),
        webhook_secret=SECRET,
    )
    sending.log_batches([make_batch(run_id, [("loss", 7, 1, math.inf)])])
    (alert,) = wait_for_alerts(sending, 1, is_settled, experiment_id=experiment)
    assert {each.state for each in alert.deliveries} == {DELIVERED}, alert
    assert {each.attempts for each in alert.deliveries} == {1}
    (posted,) = (each for each in receiver.posted if each.path == path)
    message = json.loads(posted.body)
    assert message["type"] == "alert.created"
    assert message["data"] == {
        "alert_id": alert.alert_id,
        "experiment_id": experiment,
        "experiment_name": "größe",
        "run_id": run_id,
        "run_name": alert.run_name,
        "rule_id": alert.rule_id,
        "title": "größer als 2",
        "text": alert.text,
        "level": "WARN",
        "created_by": "",
        "metric_key": "loss",
        "step": 7,
        "value": "Infinity",
    }
    headers = posted.headers
    assert (headers["host"], headers["content-type"]) == (hook.split("/")[2], "application/json")
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + posted.body
    digest = hmac.new(bytes(range(32)), signed, hashlib.sha256).digest()
    assert headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"
    assert abs(time.time() - int(headers["webhook-timestamp"])) < 60
    mail = email.message_from_string(mailbox.mails[-1], policy=email.policy.default)
    assert (mail["to"], mail["from"]) == ("bob@example.com", "runstream@example.com")
    assert mail["subject"] == "[WARN] größer als 2"
    text = mail.get_content()
    assert alert.text in text
    assert run_id in text
    credentials = base64.b64encode(b"\0ada\0p@ss").decode()
    assert f"AUTH PLAIN {credentials}" in mailbox.commands


def test_an_answer_that_is_no_success_is_seen_and_tried_again(
    sending: Api, receiver: Receiver
) -> None:
    """N9."""
    receiver.status = 500
    experiment = sending.create_experiment("e")
    path = f"/fails-{time.time_ns()}"
    create_rule(
        sending,
        experiment_id=experiment,
        alert_raised={},
        destinations=AlertDestinations(webhook_urls=[receiver.url + path]),
        webhook_secret=SECRET,
    )
    raise_alert(sending, experiment_id=experiment, title="t")
    (alert,) = wait_for_alerts(sending, 1, is_settled, experiment_id=experiment)
    (delivery,) = alert.deliveries
    assert (delivery.state, delivery.attempts, delivery.error) == (PENDING, 1, "it answered 500")
    assert 5_000 < delivery.time - 1000 * time.time() < 11_000
    receiver.status = 200
    (alert,) = wait_for_alerts(
        sending, 1, lambda alert: alert.deliveries[0].state == DELIVERED, experiment_id=experiment
    )
    first, second = (each for each in receiver.posted if each.path == path)
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert (first.body, alert.deliveries[0].attempts) == (second.body, 2)


def test_a_server_leaves_a_receiver_alone_for_as_long_as_it_says(sending: Api) -> None:
    """N9."""
    with open_receiver() as busy:
        busy.status, busy.headers = 429, {"Retry-After": "100"}
        create_rule(
            sending,
            experiment_id="0",
            alert_raised={},
            destinations=AlertDestinations(webhook_urls=[busy.url]),
            webhook_secret=SECRET,
        )
        raise_alert(sending, experiment_id="0", title="t")
        (alert,) = wait_for_alerts(sending, 1, is_settled)
        (delivery,) = alert.deliveries
        assert (delivery.state, delivery.error) == (PENDING, "it answered 429")
        assert 60_000 < delivery.time - 1000 * time.time() < 101_000


def test_a_mail_server_that_hangs_holds_up_nothing_else(
    start_server: Callable[..., ServerProcess], receiver: Receiver, connect: Callable[..., Api]
) -> None:
    """N10."""
    receiver.status = 200
    path = f"/beside-{time.time_ns()}"
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        port = hanging.getsockname()[1]
        server = start_server(
            RUNSTREAM_SMTP_URL=f"smtp://127.0.0.1:{port}?from=runstream@example.com",
            RUNSTREAM_ALERT_PRIVATE_WEBHOOKS="1",
        )
        api = connect(server.address)
        mailed, posted = api.create_experiment("mailed"), api.create_experiment("posted")
        for rule in range(4):
            to = AlertDestinations(email_addresses=[f"{rule}{n}@example.com" for n in range(5)])
            create_rule(api, experiment_id=mailed, alert_raised={}, destinations=to)
        to = AlertDestinations(webhook_urls=[receiver.url + path])
        create_rule(
            api, experiment_id=posted, alert_raised={}, destinations=to, webhook_secret=SECRET
        )
        raise_alert(api, experiment_id=mailed, title="t")
        wait_for_alerts(api, 1, lambda alert: sum(each.attempts for each in alert.deliveries) == 8)
        raise_alert(api, experiment_id=posted, title="t")
        wait_for_alerts(api, 1, is_settled, experiment_id=posted)
        assert [each.path for each in receiver.posted if each.path == path] == [path]
        began = time.monotonic()
        server.stop()
        assert time.monotonic() - began < 8  # and not until the mails are given up


class Outbox:
    """Deliveries of one alert in a database, without a server."""

    def __init__(self, store: Store, *urls: str) -> None:
        self.engine = store.engine
        self.moment = 0
        level = AlertLevel.INFO
        condition = Condition(ConditionKind.ALERT_RAISED, bound=1)
        rule = alert_rule_updates.NewRule(
            "0", "", "r", level, condition, Destinations(urls), SECRET
        )
        new = RaisedAlert("t", "", level)
        with self.engine.connection_context(), self.engine.write_transaction():
            self.rule = alert_rule_updates.create(ANYONE, rule, None).row
            self.created = alerts.create(ANYONE, "0", "", new, None).row.creation_time

    def do(self, function: Callable[..., Any], *args: Any) -> Any:
        with self.engine.connection_context(), self.engine.write_transaction():
            return function(*args)

    def rows(self) -> list[tuple[int, int, str]]:
        with self.engine.connection_context():
            query = AlertDelivery.select().order_by(AlertDelivery.id)
            return [(row.state, row.attempts, row.error) for row in query]


@pytest.fixture
def make_outbox(tmp_path: Path, new_url: Callable[[], str | None]) -> Iterator[Any]:
    store = Store.open(open_engine(new_url() or f"sqlite:///{tmp_path}/outbox.db"))
    yield lambda *urls: Outbox(store, *urls)
    store.close()


def test_a_delivery_is_tried_ten_times_in_some_27_hours(
    make_outbox: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """N9."""
    outbox = make_outbox("https://a/")
    moment = outbox.created
    monkeypatch.setattr(alert_deliveries, "now", lambda: moment)
    times = []
    while outbox.do(alert_deliveries.is_any_due, [], 8):
        (envelope,) = outbox.do(alert_deliveries.take_due, [], 8, 8)
        assert outbox.do(alert_deliveries.take_due, [], 8, 8) == []  # nobody else takes it
        outbox.do(alert_deliveries.finish, envelope, "no answer")
        times.append(moment - outbox.created)
        moment = outbox.do(lambda: AlertDelivery.get().time)
    assert len(times) == MAX_ATTEMPTS
    pauses = [later - earlier for earlier, later in pairwise(times)]
    assert pauses == [10_000 * 3**n for n in range(9)]
    assert 24 < times[-1] / 3_600_000 < 28
    assert outbox.rows() == [(DeliveryState.FAILED, MAX_ATTEMPTS, "no answer")]


def test_a_receiver_that_is_busy_is_left_alone_for_as_long_as_it_says(
    make_outbox: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """N9."""
    outbox = make_outbox("https://a/")
    moment = outbox.created
    monkeypatch.setattr(alert_deliveries, "now", lambda: moment)
    pauses = []
    for retry_after in (60, 1, 86_400, math.inf, 0):
        (envelope,) = outbox.do(alert_deliveries.take_due, [], 8, 8)
        outbox.do(alert_deliveries.finish, envelope, "it answered 429", retry_after)
        before, moment = moment, outbox.do(lambda: AlertDelivery.get().time)
        pauses.append((moment - before) / 1000)
    assert pauses == [60, 30, 3_600, 3_600, 810]


def test_a_delivery_of_a_server_that_died_is_taken_by_another(
    make_outbox: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """N9."""
    outbox = make_outbox("https://a/", "https://b/")
    moment = outbox.created
    monkeypatch.setattr(alert_deliveries, "now", lambda: moment)
    lost = outbox.do(alert_deliveries.take_due, [Busy("https://b/", 0)], 8, 8)
    assert [each.destination for each in lost] == ["https://a/"]
    moment += 1000 * alert_deliveries.LEASE + 1
    taken: list[Envelope] = outbox.do(alert_deliveries.take_due, [], 8, 8)
    assert [each.destination for each in taken] == ["https://b/", "https://a/"]
    outbox.do(alert_deliveries.finish, lost[0], "")  # it comes back, too late
    assert outbox.rows()[0][:2] == (DeliveryState.PENDING, 2)
    outbox.do(alert_deliveries.finish, taken[1], "")
    outbox.do(alert_rule_updates.delete, ANYONE, outbox.rule.uuid)
    assert outbox.rows() == [
        (DeliveryState.DELIVERED, 2, ""),
        (DeliveryState.FAILED, 1, "the rule was deleted"),
    ]


def test_of_one_experiment_some_deliveries_are_under_way_at_once(make_outbox: Any) -> None:
    """N9."""
    outbox = make_outbox(*(f"https://{n}/" for n in range(5)))
    taken = outbox.do(alert_deliveries.take_due, [], 3, 8)
    assert len(taken) == 3
    busy = [Busy(each.destination, each.alert.experiment_id) for each in taken]
    assert not outbox.do(alert_deliveries.is_any_due, busy, 3)
    assert outbox.do(alert_deliveries.take_due, busy, 3, 8) == []
    assert len(outbox.do(alert_deliveries.take_due, busy[1:], 3, 8)) == 1


def test_a_destination_that_a_rule_has_no_longer_is_not_told(make_outbox: Any) -> None:
    """N9."""
    outbox = make_outbox("https://a/", "https://b/")
    change = alert_rule_updates.Change(destinations=Destinations(["https://b/", "https://c/"]))
    outbox.do(alert_rule_updates.update, ANYONE, outbox.rule.uuid, change, None)
    assert outbox.rows() == [
        (DeliveryState.FAILED, 0, "the rule has it no longer"),
        (DeliveryState.PENDING, 0, ""),
    ]


def test_whatever_a_receiver_says_is_kept_as_text(make_outbox: Any) -> None:
    """N9."""
    outbox = make_outbox("https://a/")
    (taken,) = outbox.do(alert_deliveries.take_due, [], 8, 8)
    outbox.do(alert_deliveries.finish, taken, "550 größe\0\n\udcff" + "x" * 1000)
    assert outbox.rows() == [(DeliveryState.PENDING, 1, "550 größe???" + "x" * 488)]


def post(url: str, **options: Any) -> None:
    asyncio.run(webhook.post(url, {}, b"{}", **options))


@pytest.mark.sqlite
@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1"])
def test_a_name_that_leads_to_a_private_address_is_not_called(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    """N3."""
    port = int(receiver.url.rpartition(":")[2])

    def resolve(*_: Any, **__: Any) -> list[Any]:
        public = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.215.14", port))
        return [public, (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    before = len(receiver.posted)
    with pytest.raises(DeliveryError, match="private network") as refusal:
        post(f"http://hooks.example.com:{port}/", allow_private=False)
    assert address not in str(refusal.value)
    assert len(receiver.posted) == before


@pytest.mark.sqlite
def test_a_name_is_looked_up_once_and_the_address_that_was_checked_is_called(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """N3."""
    receiver.status = 200
    port = int(receiver.url.rpartition(":")[2])
    looked_up = []
    real = socket.getaddrinfo

    def resolve(host: str, *args: Any, **options: Any) -> Any:
        looked_up.append(host)
        if host == "hooks.example.com":
            return real("127.0.0.1", *args, **options)
        return real(host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    post(f"http://hooks.example.com:{port}/once", allow_private=True)
    assert looked_up.count("hooks.example.com") == 1
    assert receiver.posted[-1].headers["host"] == f"hooks.example.com:{port}"


@pytest.mark.sqlite
def test_a_receiver_that_is_slow_or_cannot_be_reached_has_not_got_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """N9."""
    monkeypatch.setattr(webhook, "DEADLINE", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        with pytest.raises(DeliveryError, match=r"no answer within 0\.3 s"):
            post(url, allow_private=True)
    with pytest.raises(DeliveryError, match="ConnectionRefusedError"):
        post(url, allow_private=True)
    for host in ("a" * 64, "a..b"):
        with pytest.raises(DeliveryError, match="UnicodeError"):
            post(f"http://{host}/", allow_private=True)


@pytest.mark.sqlite
def test_a_redirect_is_not_followed(receiver: Receiver) -> None:
    """N3, N9."""
    receiver.status = 302
    with pytest.raises(DeliveryError, match="it answered 302; redirects are not followed"):
        post(f"{receiver.url}/moved", allow_private=True)
    assert receiver.posted[-1].path == "/moved"


@pytest.mark.sqlite
@pytest.mark.parametrize(
    "url",
    ["smtp://host", "http://host?from=a@b", "smtp://host:x?from=a@b", "smtps://u:secret@?from=a@b"],
)
def test_the_url_of_a_mail_server_is_checked_and_never_shown(url: str) -> None:
    """N4."""
    with pytest.raises(ValueError, match="it is not of the form smtps://") as refusal:
        parse_smtp_url(url)
    assert "secret" not in str(refusal.value)
