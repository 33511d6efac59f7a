"""What readers, writers and strangers may do with the alerts of an experiment (N5)."""

from __future__ import annotations

from uuid import uuid4

import grpc
import pytest
import requests

from runstream.v1 import alert_service_pb2 as pb
from runstream.v1.access_service_pb2 import (
    AuditEntry,
    DeleteGrantRequest,
    GrantRole,
    SearchAuditLogRequest,
    SetGrantRequest,
)
from runstream.v1.alert_pb2 import AlertDestinations
from runstream.v1.run_moves_pb2 import MoveRunsRequest
from support.access import GuardedServer
from support.alerts import SECRET, alerts_of, create_rule, raise_alert, rules_of, update_rule
from support.api import Api, expect_refusal
from support.waiting import wait_until

DENIED = grpc.StatusCode.PERMISSION_DENIED
HOOK = "https://hooks.example.com/services/secret?token=secret"


def share(ada: Api, experiment_id: str, grantee: str, role: GrantRole.ValueType) -> None:
    ada.access.SetGrant(SetGrantRequest(experiment_id=experiment_id, grantee=grantee, role=role))


def test_who_reads_an_experiment_reads_its_alerts_and_not_where_webhooks_lead(
    guarded: GuardedServer,
) -> None:
    ada, bob = guarded.apis["ada"], guarded.apis["bob"]
    experiment = ada.create_experiment(str(uuid4()))
    to = AlertDestinations(webhook_urls=[HOOK])
    rule = create_rule(
        ada, experiment_id=experiment, alert_raised={}, destinations=to, webhook_secret=SECRET
    )
    alert = raise_alert(ada, experiment_id=experiment, title="t")
    assert (rule.created_by, alert.created_by) == ("ada", "ada")
    assert [alert.alert_id for alert in alerts_of(bob)] == []
    share(ada, experiment, "user:bob", GrantRole.GRANT_ROLE_READER)
    (seen_rule,), (seen,) = rules_of(bob, experiment), alerts_of(bob)
    assert (seen_rule.rule_id, seen.alert_id) == (rule.rule_id, alert.alert_id)
    assert seen_rule.destinations.webhook_urls == ["https://hooks.example.com/"]
    assert [each.destination for each in seen.deliveries] == ["https://hooks.example.com/"]
    assert rules_of(ada, experiment)[0].destinations == to
    for write in (
        lambda: create_rule(bob, experiment_id=experiment, run_ended={}),
        lambda: update_rule(bob, rule, name="mine"),
        lambda: bob.alerts.DeleteAlertRule(pb.DeleteAlertRuleRequest(rule_id=rule.rule_id)),
        lambda: raise_alert(bob, experiment_id=experiment, title="mine"),
    ):
        with expect_refusal(DENIED, "ROLE_TOO_LOW"):
            write()
    assert rules_of(ada, experiment) == [rule]


def test_who_writes_to_an_experiment_makes_rules_and_alerts_of_it(guarded: GuardedServer) -> None:
    ada, eve = guarded.apis["ada"], guarded.apis["eve"]
    experiment = ada.create_experiment(str(uuid4()))
    share(ada, experiment, "user:eve", GrantRole.GRANT_ROLE_WRITER)
    rule = create_rule(eve, run_id=ada.create_run(experiment), run_failed={})
    assert rule.created_by == "eve"
    assert update_rule(eve, rule, name="mine").name == "mine"
    assert raise_alert(eve, experiment_id=experiment, title="t").created_by == "eve"
    eve.alerts.DeleteAlertRule(pb.DeleteAlertRuleRequest(rule_id=rule.rule_id))
    assert rules_of(ada, experiment) == []


def test_a_rule_is_of_the_experiment_and_not_of_who_made_it(guarded: GuardedServer) -> None:
    ada, eve = guarded.apis["ada"], guarded.apis["eve"]
    experiment, other = (ada.create_experiment(str(uuid4())) for _ in range(2))
    share(ada, experiment, "user:eve", GrantRole.GRANT_ROLE_WRITER)
    run_id = eve.create_run(experiment)
    to = AlertDestinations(webhook_urls=[HOOK])
    rule = create_rule(eve, run_id=run_id, alert_raised={}, destinations=to, webhook_secret=SECRET)
    ada.runs.MoveRuns(MoveRunsRequest(run_ids=[run_id], experiment_id=other))
    alert = raise_alert(ada, run_id=run_id, title="t")
    assert [each.destination for each in alert.deliveries] == [HOOK]
    assert alert.alert_id not in {each.alert_id for each in alerts_of(eve)}
    (seen,) = rules_of(ada, other)
    assert (seen.rule_id, seen.created_by) == (rule.rule_id, "eve")
    for experiment_id in (other, str(uuid4().int % 10**9)):
        with expect_refusal(grpc.StatusCode.NOT_FOUND, "EXPERIMENT_NOT_FOUND"):
            rules_of(eve, experiment_id)
        with expect_refusal(grpc.StatusCode.NOT_FOUND, "EXPERIMENT_NOT_FOUND"):
            alerts_of(eve, experiment_id=experiment_id)
    with expect_refusal(grpc.StatusCode.NOT_FOUND, "RUN_NOT_FOUND"):
        alerts_of(eve, run_id=run_id)
    with expect_refusal(grpc.StatusCode.NOT_FOUND, "ALERT_RULE_NOT_FOUND"):
        update_rule(eve, rule, name="mine")
    eve.alerts.DeleteAlertRule(pb.DeleteAlertRuleRequest(rule_id=rule.rule_id))
    assert rules_of(ada, other) == [seen]
    ada.alerts.DeleteAlertRule(pb.DeleteAlertRuleRequest(rule_id=rule.rule_id))
    (alert,) = alerts_of(ada, run_id=run_id)
    assert [each.error for each in alert.deliveries] == ["the rule was deleted"]


def test_a_rule_goes_on_when_who_made_it_has_no_role_any_more(guarded: GuardedServer) -> None:
    ada, eve = guarded.apis["ada"], guarded.apis["eve"]
    experiment = ada.create_experiment(str(uuid4()))
    share(ada, experiment, "user:eve", GrantRole.GRANT_ROLE_WRITER)
    owners: list[dict[str, str]] = [
        {"experiment_id": experiment},
        {"run_id": eve.create_run(experiment)},
    ]
    to = AlertDestinations(webhook_urls=[HOOK])
    for owner in owners:
        create_rule(eve, **owner, alert_raised={}, destinations=to, webhook_secret=SECRET)
    ada.access.DeleteGrant(DeleteGrantRequest(experiment_id=experiment, grantee="user:eve"))
    for owner, rules in zip(owners, (1, 2), strict=True):
        alert = raise_alert(ada, **owner, title="t")
        assert [each.destination for each in alert.deliveries] == [HOOK] * rules
    assert experiment not in {each.experiment_id for each in alerts_of(eve)}
    assert [rule.created_by for rule in rules_of(ada, experiment)] == ["eve", "eve"]
    for rule in rules_of(ada, experiment):
        update_rule(ada, rule, enabled=False)
    assert list(raise_alert(ada, **owners[1], title="u").deliveries) == []


def test_nobody_is_told_the_secret_of_webhooks_again_nor_the_audit_log(
    guarded: GuardedServer,
) -> None:
    """N1."""
    root, ada = guarded.apis["root"], guarded.apis["ada"]
    experiment = ada.create_experiment(str(uuid4()))
    to = AlertDestinations(webhook_urls=[HOOK])
    rule = create_rule(
        ada, experiment_id=experiment, run_ended={}, destinations=to, webhook_secret=SECRET
    )
    other = f"{SECRET[:-8]}AAAAAAA="
    seen: list[object] = [rule, update_rule(ada, rule, webhook_secret=other)]
    for url in ("https://me:hunter2@hooks.example.com/", "http://127.0.0.1/hunter2"):
        with pytest.raises(grpc.RpcError) as refusal:
            update_rule(ada, rule, destinations=AlertDestinations(webhook_urls=[url]))
        seen += [refusal.value.details(), refusal.value.trailing_metadata()]
    with pytest.raises(grpc.RpcError) as refusal:
        update_rule(ada, rule, webhook_secret=f"{SECRET}*")
    seen += [refusal.value.details(), refusal.value.trailing_metadata()]
    route = f"{guarded.server.http}/api/1.0/runstream/alert-rules"
    for body in (
        {"webhook_secret": [SECRET]},
        {"webhookSecret": {"a": SECRET}},
        {"webhook_secret": SECRET, "level": "NONE"},
        {"destinations": {"webhook_urls": [["https://me:hunter2@a/"]]}},
        {"destinations": "hunter2"},
    ):
        answer = requests.post(route, json=body, headers=guarded.headers("ada"), timeout=30)
        assert answer.status_code == 400
        seen.append(answer.text)
    seen += rules_of(root, experiment)

    def audited() -> list[AuditEntry]:
        found = root.access.SearchAuditLog(SearchAuditLogRequest(user_name="ada")).entries
        return [entry for entry in found if entry.method.endswith("AlertRule")]

    wait_until(lambda: len(audited()) >= 5, 30)
    seen += audited()
    for secret in (SECRET[6:], other[6:], "hunter2"):
        assert [text for text in map(str, seen) if secret in text] == []
