"""The calls of a client about alerts and their rules: one method for each RPC of AlertService.

`alert` of `logging_calls` raises an alert of a run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from runstream import entities
from runstream.contract.alert_fields import to_condition, to_destinations, to_level
from runstream.contract.messages import new_message
from runstream.transport.connection import Connection
from runstream.v1 import alert_service_pb2 as alerts
from runstream.v1.alert_pb2 import AlertLevel


class AlertCalls:
    """The part of `TrackingClient` that speaks to AlertService."""

    _connection: Connection

    def create_alert_rule(
        self,
        name: str,
        condition: str,
        *,
        experiment_id: str = "",
        run_id: str = "",
        metric_key: str | None = None,
        threshold: float | None = None,
        minutes: int | None = None,
        min_level: str | None = None,
        level: str = "WARN",
        webhook_urls: Iterable[str] = (),
        webhook_secret: str = "",
        email_addresses: Iterable[str] = (),
    ) -> entities.AlertRule:
        """Create a rule for the runs of an experiment, or for one run, and return it (N1).

        Args:
            name: what it is called, and the title of its alerts; 1 to 250 characters.
            condition: `metric_above`, `metric_below`, `metric_nan`, `run_silent`, `run_ended`,
                `run_failed` or `alert_raised`.
            experiment_id: the experiment whose runs it judges; or
            run_id: the run that it judges.
            metric_key: the metric; `metric_nan` without one is about any.
            threshold: of `metric_above` and `metric_below`.
            minutes: of `run_silent`, 1 to 10,080.
            min_level: of `alert_raised`; `INFO`, if left out.
            level: of its alerts, `INFO`, `WARN` or `ERROR`.
            webhook_urls: up to 5 URLs to which alerts are posted.
            webhook_secret: by which they are signed, `whsec_` and the base64 of 24 to 64 bytes.
            email_addresses: up to 5 addresses to which alerts are sent.

        Raises:
            InvalidArgument: an argument breaks its rule.
            NotFound: there is no such experiment or run that the caller sees.
            PermissionDenied: the caller may not write to it.
            FailedPrecondition: it is deleted, has too many rules, or the server does not send to
                such destinations.
        """
        arguments = {
            "metric_key": metric_key,
            "threshold": threshold,
            "minutes": minutes,
            "min_level": min_level,
        }
        request = new_message(
            alerts.CreateAlertRuleRequest,
            experiment_id=experiment_id,
            run_id=run_id,
            name=name,
            level=to_level(level),
            destinations=to_destinations(webhook_urls, email_addresses),
            webhook_secret=webhook_secret,
            **to_condition(condition, arguments),
        )
        answer = self._connection.call(lambda stubs: stubs.alerts.CreateAlertRule, request)
        return entities.AlertRule.from_proto(answer.rule)

    def list_alert_rules(self, experiment_id: str) -> list[entities.AlertRule]:
        """Return the rules of an experiment and of its runs, by age.

        Raises:
            NotFound: there is no such experiment that the caller sees.
        """
        request = new_message(alerts.ListAlertRulesRequest, experiment_id=experiment_id)
        answer = self._connection.call(lambda stubs: stubs.alerts.ListAlertRules, request)
        return [entities.AlertRule.from_proto(rule) for rule in answer.rules]

    def update_alert_rule(
        self,
        rule_id: str,
        *,
        name: str | None = None,
        level: str | None = None,
        enabled: bool | None = None,
        webhook_urls: Iterable[str] | None = None,
        webhook_secret: str | None = None,
        email_addresses: Iterable[str] | None = None,
    ) -> entities.AlertRule:
        """Change a rule, and return it as it is then; what is left out stays.

        Args:
            rule_id: the rule.
            name: its name.
            level: the level of its alerts.
            enabled: whether it judges.
            webhook_urls: whom it tells; these and `email_addresses` replace all destinations, if
                one of the two is given.
            webhook_secret: by which webhooks are signed.
            email_addresses: whom it tells.

        Raises:
            InvalidArgument, PermissionDenied, FailedPrecondition: as `create_alert_rule`.
            NotFound: there is no such rule that the caller sees.
        """
        request = new_message(
            alerts.UpdateAlertRuleRequest,
            rule_id=rule_id,
            name=name,
            level=AlertLevel.ALERT_LEVEL_UNSPECIFIED if level is None else to_level(level),
            enabled=enabled,
            destinations=to_destinations(webhook_urls, email_addresses),
            webhook_secret=webhook_secret,
        )
        answer = self._connection.call(lambda stubs: stubs.alerts.UpdateAlertRule, request)
        return entities.AlertRule.from_proto(answer.rule)

    def delete_alert_rule(self, rule_id: str) -> None:
        """Delete a rule for good; its alerts stay, and one that is not there is no error.

        Raises:
            PermissionDenied: the caller may not write to its experiment.
            FailedPrecondition: the experiment is deleted.
        """
        request = new_message(alerts.DeleteAlertRuleRequest, rule_id=rule_id)
        self._connection.call(lambda stubs: stubs.alerts.DeleteAlertRule, request)

    def list_alerts(
        self, experiment_id: str = "", run_id: str = "", since: int = 0
    ) -> Iterator[entities.Alert]:
        """Yield alerts, newest first, page by page.

        Args:
            experiment_id: those of this experiment and its runs; or
            run_id: those of this run. Without either, all that the caller sees.
            since: those that were stored then or later, in milliseconds since the epoch.

        Raises:
            InvalidArgument: both are given, or an argument breaks its rule.
            NotFound: there is no such experiment or run that the caller sees.
        """
        request = new_message(
            alerts.ListAlertsRequest,
            experiment_id=experiment_id,
            run_id=run_id,
            since=since,
            max_results=1000,
        )
        while True:
            answer = self._connection.call(lambda stubs: stubs.alerts.ListAlerts, request)
            yield from map(entities.Alert.from_proto, answer.alerts)
            if not answer.next_page_token:
                return
            request.page_token = answer.next_page_token
