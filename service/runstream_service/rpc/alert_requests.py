"""The requests of AlertService: checked, and as the catalog takes them.

Each function raises InvalidArgument if something in the request breaks its rule.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from runstream.errors import FailedPrecondition, InvalidArgument, shorten
from runstream.rules import ALERT_TEXT_CHARACTERS, check_key, check_run_id, check_text, check_title
from runstream.v1 import alert_service_pb2 as pb
from runstream.v1.alert_pb2 import AlertDestinations
from runstream.v1.alert_pb2 import AlertLevel as LevelOfContract
from runstream_service.alerts.addresses import names_private
from runstream_service.catalog.alert_rule_updates import Change, NewRule
from runstream_service.catalog.alert_rules import (
    AlertLevel,
    Condition,
    ConditionKind,
    Destinations,
)
from runstream_service.engine.catalog_writes import RaisedAlert

#: Alerts of one batch at the most.
MAX_ALERTS = 100

#: Destinations of each kind that a rule has at the most, and characters of one.
MAX_DESTINATIONS = 5
URL_CHARACTERS = 2_000
EMAIL_CHARACTERS = 254

#: Minutes for which a run may be silent at the most.
MAX_MINUTES = 10_080

# Bytes of a secret, which Standard Webhooks recommends.
_SECRET_BYTES = range(24, 65)
_SECRET_LIMIT = "whsec_ and the base64 of 24 to 64 bytes"  # noqa: S105 # no secret

_KINDS: Mapping[str, ConditionKind] = {kind.name.lower(): kind for kind in ConditionKind}
_EMAIL = re.compile(r"[^\s@<>(),;:\"\\\[\]]+@[^\s@<>(),;:\"\\\[\].]+(\.[^\s@<>(),;:\"\\\[\].]+)*")
_URL = re.compile(r"[!-~]+")


class Sending:
    """What this server sends alerts by."""

    def __init__(self, *, email: bool, private_webhooks: bool) -> None:
        self._email, self._private_webhooks = email, private_webhooks

    def destinations(self, given: AlertDestinations) -> Destinations:
        """Return whom a rule is to tell.

        Raises:
            FailedPrecondition: this server does not tell them.
        """
        urls = list(dict.fromkeys(given.webhook_urls))
        addresses = list(dict.fromkeys(given.email_addresses))
        for name, values in (("webhook_urls", urls), ("email_addresses", addresses)):
            if len(values) > MAX_DESTINATIONS:
                raise InvalidArgument(
                    f"destinations.{name} has {len(values)} entries, the limit is "
                    f"{MAX_DESTINATIONS}",
                    reason="DESTINATIONS_TOO_MANY",
                    field=f"destinations.{name}",
                    value=len(values),
                    limit=MAX_DESTINATIONS,
                )
        for number, url in enumerate(urls, 1):
            self._check_url(url, number)
        for address in addresses:
            self._check_email(address)
        return Destinations(urls, addresses)

    def _check_url(self, url: str, number: int) -> None:
        """Check the URL of a webhook; no error has it, because secrets may be in it."""
        field = "destinations.webhook_urls"
        if len(url) > URL_CHARACTERS:
            raise InvalidArgument(
                f"Webhook {number} has {len(url)} characters, the limit is {URL_CHARACTERS}",
                reason="VALUE_TOO_LONG",
                field=field,
                value=len(url),
                limit=URL_CHARACTERS,
            )
        host = _host(url)
        if host is None:
            raise InvalidArgument(
                f"Invalid value for parameter '{field}' supplied: webhook {number} must be of the "
                "form https://host/path, without a user and a fragment",
                reason="WEBHOOK_URL_MALFORMED",
                field=field,
                limit="https://host/path",
            )
        if not self._private_webhooks and names_private(host):
            raise FailedPrecondition(
                f"Webhook {number} is at {host}, which is this machine or a private network; a "
                "server calls those only with --alert-private-webhooks",
                reason="WEBHOOK_ADDRESS_PRIVATE",
                field=field,
                value=host,
                limit="an address of the internet",
            )

    def _check_email(self, address: str) -> None:
        field = "destinations.email_addresses"
        check_text(field, address, EMAIL_CHARACTERS)
        if not (address.isascii() and address.isprintable() and _EMAIL.fullmatch(address)):
            raise InvalidArgument(
                f"Invalid value {shorten(address)!a} for parameter '{field}' supplied: it must be "
                "of the form name@host",
                reason="EMAIL_MALFORMED",
                field=field,
                value=ascii(address),
                limit="name@host",
            )
        if not self._email:
            raise FailedPrecondition(
                f"This server sends no e-mail, as to {address}: it was started without --smtp-url",
                reason="EMAIL_NOT_CONFIGURED",
                field=field,
                value=address,
            )


def new_rule(request: pb.CreateAlertRuleRequest, sending: Sending) -> NewRule:
    """Return the rule that a caller asks for."""
    check_subject(request)
    check_title("name", request.name)
    condition = _condition(request)
    if condition is None:
        names = ", ".join(_KINDS)
        raise InvalidArgument(
            f"Missing value for required parameter 'condition': one of {names}",
            reason="CONDITION_MISSING",
            field="condition",
            limit=names,
        )
    destinations = sending.destinations(request.destinations)
    if request.webhook_secret:
        check_secret(request.webhook_secret)
    return NewRule(
        experiment_id=request.experiment_id,
        run_id=request.run_id,
        name=request.name,
        level=level(request.level, AlertLevel.WARN),
        condition=condition,
        destinations=destinations,
        webhook_secret=request.webhook_secret,
    )


def change(request: pb.UpdateAlertRuleRequest, sending: Sending) -> Change:
    """Return what is to be other of a rule."""
    has = request.HasField
    if has("name"):
        check_title("name", request.name)
    if has("webhook_secret"):
        check_secret(request.webhook_secret)
    return Change(
        name=request.name if has("name") else None,
        level=level(request.level, AlertLevel.WARN) if request.level else None,
        enabled=request.enabled if has("enabled") else None,
        condition=_condition(request),
        destinations=(sending.destinations(request.destinations) if has("destinations") else None),
        webhook_secret=request.webhook_secret if has("webhook_secret") else None,
    )


def raised_alert(given: Any, at: str = "") -> RaisedAlert:
    """Return the alert of a CreateAlertRequest or a LoggedAlert.

    Args:
        given: the message, or its twin.
        at: where it is in the request, for errors.
    """
    check_title(f"{at}title", given.title)
    check_text(f"{at}text", given.text, ALERT_TEXT_CHARACTERS)
    return RaisedAlert(given.title, given.text, level(given.level, AlertLevel.INFO, at))


def raised_alerts(given: Sequence[Any]) -> list[RaisedAlert]:
    """Return the alerts of a batch."""
    if len(given) > MAX_ALERTS:
        raise InvalidArgument(
            f"A batch has {len(given)} alerts, the limit is {MAX_ALERTS}",
            reason="ALERTS_TOO_MANY",
            field="alerts",
            value=len(given),
            limit=MAX_ALERTS,
        )
    return [raised_alert(each, f"alerts[{i}].") for i, each in enumerate(given)]


def check_subject(request: Any) -> None:
    """Check that a request is about an experiment or about a run."""
    if bool(request.experiment_id) == bool(request.run_id):
        raise InvalidArgument(
            "Exactly one of 'experiment_id' and 'run_id' must be given",
            reason="SUBJECT_MALFORMED",
            field="run_id",
            value=request.run_id,
            limit="one of experiment_id and run_id",
        )
    if request.run_id:
        check_run_id("run_id", request.run_id)


def level(given: LevelOfContract.ValueType, default: AlertLevel, at: str = "") -> AlertLevel:
    """Return a level; the default, if it is not specified."""
    if not given:
        return default
    if given in LevelOfContract.values():
        return AlertLevel(given)
    names = ", ".join(LevelOfContract.keys()[1:])
    raise InvalidArgument(
        f"Invalid value {given} for parameter '{at}level' supplied: it must be one of {names}",
        reason="LEVEL_UNKNOWN",
        field=f"{at}level",
        value=given,
        limit=names,
    )


def check_secret(secret: str) -> None:
    """Check the secret of webhooks; no error says what it is."""
    kind, _, text = secret.partition("_")
    try:
        size = len(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        size = 0
    if kind != "whsec" or size not in _SECRET_BYTES:
        raise InvalidArgument(
            f"Invalid value for parameter 'webhook_secret' supplied: it must be {_SECRET_LIMIT}",
            reason="SECRET_MALFORMED",
            field="webhook_secret",
            limit=_SECRET_LIMIT,
        )


def _condition(request: Any) -> Condition | None:
    name = request.WhichOneof("condition")
    if name is None:
        return None
    kind, given = _KINDS[name], getattr(request, name)
    if kind in (ConditionKind.METRIC_ABOVE, ConditionKind.METRIC_BELOW):
        check_key(f"{name}.metric_key", given.metric_key)
        if math.isnan(given.threshold):
            raise _bound_error(f"{name}.threshold", given.threshold, "a number")
        return Condition(kind, given.metric_key, given.threshold)
    if kind is ConditionKind.METRIC_NAN:
        if given.metric_key:
            check_key(f"{name}.metric_key", given.metric_key)
        return Condition(kind, given.metric_key)
    if kind is ConditionKind.RUN_SILENT:
        if not 1 <= given.minutes <= MAX_MINUTES:
            raise _bound_error(f"{name}.minutes", given.minutes, f"1 to {MAX_MINUTES}")
        return Condition(kind, bound=given.minutes)
    if kind is ConditionKind.ALERT_RAISED:
        return Condition(kind, bound=level(given.min_level, AlertLevel.INFO, f"{name}.min_"))
    return Condition(kind)


def _bound_error(field: str, value: float, limit: str) -> InvalidArgument:
    return InvalidArgument(
        f"Invalid value {value} for parameter '{field}' supplied: it must be {limit}",
        reason="CONDITION_OUT_OF_RANGE",
        field=field,
        value=value,
        limit=limit,
    )


def _host(url: str) -> str | None:
    """Return the host of the URL of a webhook; None, if it is malformed."""
    if not _URL.fullmatch(url):
        return None
    try:
        parts = urlsplit(url)
        is_port = parts.port is None or parts.port > 0
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or "@" in parts.netloc or parts.fragment:
        return None
    return parts.hostname if is_port else None
