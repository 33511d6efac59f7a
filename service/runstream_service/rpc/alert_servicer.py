"""AlertService."""

from __future__ import annotations

from runstream.errors import InvalidArgument
from runstream.rules import check_alert_rule_id, check_run_id, check_timestamp
from runstream.v1 import alert_service_pb2 as pb
from runstream.v1.alert_service_pb2_grpc import AlertServiceServicer
from runstream_service.alerts.rule_book import RuleBook
from runstream_service.catalog import alert_rule_updates, alert_rules, alerts
from runstream_service.engine.readers import Readers
from runstream_service.engine.writer import Writer
from runstream_service.rpc import alert_messages, alert_requests
from runstream_service.rpc.call_context import CallContext
from runstream_service.rpc.page_token import (
    check_page_size,
    decode_page_token,
    encode_page_token,
)
from runstream_service.rpc.write_id import write_id

_PAGE, MAX_PAGE = 100, 1_000


class AlertServicer(AlertServiceServicer):
    def __init__(
        self, writer: Writer, readers: Readers, book: RuleBook, sending: alert_requests.Sending
    ) -> None:
        self._writer = writer
        self._readers = readers
        self._book = book
        self._sending = sending

    async def CreateAlertRule(
        self, request: pb.CreateAlertRuleRequest, context: CallContext
    ) -> pb.CreateAlertRuleResponse:
        rule = await self._writer.submit(
            self._book.change,
            alert_rule_updates.create,
            context.caller,
            alert_requests.new_rule(request, self._sending),
            write_id(request.write),
        )
        return pb.CreateAlertRuleResponse(rule=alert_messages.alert_rule(rule))

    async def ListAlertRules(
        self, request: pb.ListAlertRulesRequest, context: CallContext
    ) -> pb.ListAlertRulesResponse:
        found = await self._readers.quick(
            alert_rules.of_experiment, context.caller, request.experiment_id
        )
        return pb.ListAlertRulesResponse(rules=map(alert_messages.alert_rule, found))

    async def UpdateAlertRule(
        self, request: pb.UpdateAlertRuleRequest, context: CallContext
    ) -> pb.UpdateAlertRuleResponse:
        check_alert_rule_id("rule_id", request.rule_id)
        rule = await self._writer.submit(
            self._book.change,
            alert_rule_updates.update,
            context.caller,
            request.rule_id,
            alert_requests.change(request, self._sending),
            write_id(request.write),
        )
        return pb.UpdateAlertRuleResponse(rule=alert_messages.alert_rule(rule))

    async def DeleteAlertRule(
        self, request: pb.DeleteAlertRuleRequest, context: CallContext
    ) -> pb.DeleteAlertRuleResponse:
        check_alert_rule_id("rule_id", request.rule_id)
        await self._writer.submit(
            self._book.change, alert_rule_updates.delete, context.caller, request.rule_id
        )
        return pb.DeleteAlertRuleResponse()

    async def CreateAlert(
        self, request: pb.CreateAlertRequest, context: CallContext
    ) -> pb.CreateAlertResponse:
        alert_requests.check_subject(request)
        created = await self._writer.submit(
            alerts.create,
            context.caller,
            request.experiment_id,
            request.run_id,
            alert_requests.raised_alert(request),
            write_id(request.write),
            run_id=request.run_id,
        )
        return pb.CreateAlertResponse(alert=alert_messages.alert(created))

    async def ListAlerts(
        self, request: pb.ListAlertsRequest, context: CallContext
    ) -> pb.ListAlertsResponse:
        if request.run_id:
            _check_alone(request)
            check_run_id("run_id", request.run_id)
        check_timestamp("since", request.since)
        check_page_size(request.max_results, MAX_PAGE)
        limit = request.max_results or _PAGE
        # Without the experiment, of which a token must not tell whether it is there.
        query = ("alerts", request.since)
        found = await self._readers.page(
            alerts.page,
            context.caller,
            request.experiment_id,
            request.run_id,
            request.since,
            decode_page_token(query, request.page_token, 2),
            limit,
        )
        last = found.alerts[-1:] if found.is_more else []
        return pb.ListAlertsResponse(
            alerts=map(alert_messages.alert, found.alerts),
            next_page_token="".join(
                encode_page_token(query, alerts.position(each)) for each in last
            ),
        )


def _check_alone(request: pb.ListAlertsRequest) -> None:
    if request.experiment_id:
        raise InvalidArgument(
            "At most one of 'experiment_id' and 'run_id' can be given",
            reason="SUBJECT_MALFORMED",
            field="run_id",
            value=request.run_id,
            limit="one of experiment_id and run_id",
        )
