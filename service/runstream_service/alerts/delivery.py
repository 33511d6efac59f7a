"""Tells the destinations of alerts, again and again until they have them, for a day at the most.

What is to be delivered was written with the alert. A server that takes a delivery moves its time
into the future, so that no other takes it meanwhile; if that server dies, another one takes it
then. So a destination may be told twice, and by the id of the message can tell that.
"""

from __future__ import annotations

import asyncio
import json
import logging
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timezone
from typing import Any

from runstream.errors import RunstreamError
from runstream_service.alerts import mail, webhook
from runstream_service.alerts.mail import SmtpServer
from runstream_service.alerts.rule_book import RuleBook
from runstream_service.alerts.webhook import DeliveryError
from runstream_service.catalog import alert_deliveries
from runstream_service.catalog.alert_deliveries import Busy, Envelope
from runstream_service.catalog.alert_rules import AlertLevel
from runstream_service.engine.readers import Readers
from runstream_service.engine.writer import Writer

log = logging.getLogger(__name__)

#: Deliveries under way at once, no two of them to the same destination; of them, those of one
#: experiment, whose receivers may all be slow.
AT_ONCE = 32
OF_EXPERIMENT = 8

# Seconds between two looks for what is due.
_PAUSE = 1.0


class Deliveries:
    """Delivers what is due."""

    def __init__(
        self, book: RuleBook, smtp_server: SmtpServer | None, *, private_webhooks: bool
    ) -> None:
        """Deliver nothing yet.

        Args:
            book: knows whether there is anybody to tell.
            smtp_server: the server through which e-mail is sent, if there is one.
            private_webhooks: whether webhooks may be on this machine and in private networks.
        """
        self._book = book
        self._smtp_server = smtp_server
        self._private_webhooks = private_webhooks
        self._under_way: dict[asyncio.Task[None], Envelope] = {}
        # Of its own: a mail may take a minute, and others wait for the threads that all share.
        self._mail_threads = ThreadPoolExecutor(AT_ONCE, "mail")

    async def deliver_regularly(self, writer: Writer, readers: Readers) -> None:
        """Deliver what is due, until cancelled; what is under way then is tried again later."""
        try:
            while True:
                if self._book.has_destinations:
                    with suppress(RunstreamError):  # it is logged already
                        await self._start_due(writer, readers)
                if self._under_way:
                    await asyncio.wait(
                        self._under_way, timeout=_PAUSE, return_when=asyncio.FIRST_COMPLETED
                    )
                else:
                    await asyncio.sleep(_PAUSE)
        finally:
            for task in self._under_way:
                task.cancel()

    async def _start_due(self, writer: Writer, readers: Readers) -> None:
        free = AT_ONCE - len(self._under_way)
        busy = [
            Busy(envelope.destination, envelope.alert.experiment_id)
            for envelope in self._under_way.values()
        ]
        if free <= 0 or not await readers.quick(alert_deliveries.is_any_due, busy, OF_EXPERIMENT):
            return
        for envelope in await writer.submit(alert_deliveries.take_due, busy, OF_EXPERIMENT, free):
            task = asyncio.create_task(self._deliver(envelope, writer))
            self._under_way[task] = envelope
            task.add_done_callback(self._under_way.pop)

    async def _deliver(self, envelope: Envelope, writer: Writer) -> None:
        error, retry_after = "", 0.0
        try:
            if "://" in envelope.destination:
                await self._post(envelope)
            else:
                await self._send_mail(envelope)
        except DeliveryError as failure:
            error, retry_after = str(failure), failure.retry_after
        except Exception as failure:
            log.exception("an alert was not delivered")
            error = f"internal error: {type(failure).__name__}"
        with suppress(RunstreamError):  # the writer has logged it; it is tried again later
            await writer.submit(alert_deliveries.finish, envelope, error, retry_after)

    async def _post(self, envelope: Envelope) -> None:
        body = json.dumps(message_of(envelope), ensure_ascii=False).encode()
        headers = webhook.signed_headers(envelope.secret, envelope.message_id, body)
        await webhook.post(
            envelope.destination, headers, body, allow_private=self._private_webhooks
        )

    async def _send_mail(self, envelope: Envelope) -> None:
        if self._smtp_server is None:
            raise DeliveryError("this server sends no e-mail: it was started without --smtp-url")
        alert = envelope.alert
        message = mail.compose(
            envelope.destination,
            f"[{AlertLevel(alert.level).name}] {alert.title}",
            f"{alert.text}\n\n{_place(envelope)}\n",
            envelope.message_id,
            self._smtp_server.sender,
        )
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._mail_threads, mail.send, self._smtp_server, message)


def message_of(envelope: Envelope) -> dict[str, Any]:
    """Return what is posted to a webhook."""
    alert = envelope.alert
    data: dict[str, Any] = {
        "alert_id": alert.uuid,
        "experiment_id": str(alert.experiment_id),
        "experiment_name": envelope.experiment_name,
        "run_id": envelope.run_id,
        "run_name": envelope.run_name,
        "rule_id": alert.rule_uuid,
        "title": alert.title,
        "text": alert.text,
        "level": AlertLevel(alert.level).name,
        "created_by": alert.created_by,
    }
    if alert.metric_key:
        data["metric_key"] = alert.metric_key
        data["step"] = alert.step
        data["value"] = _number(alert.value)
    created = datetime.fromtimestamp(alert.creation_time / 1000, timezone.utc)
    timestamp = created.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {"type": "alert.created", "timestamp": timestamp, "data": data}


def _number(value: float) -> float | str:
    """Return a number as JSON has it; those that it has not as the texts of Protobuf's JSON."""
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "Infinity" if value > 0 else "-Infinity"
    return value


def _place(envelope: Envelope) -> str:
    experiment = f"Experiment {envelope.experiment_name} ({envelope.alert.experiment_id})"
    if not envelope.run_id:
        return experiment
    return f"{experiment}\nRun {envelope.run_name} ({envelope.run_id})"
