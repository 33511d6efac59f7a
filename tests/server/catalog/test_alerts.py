"""AlertService, but for what rules judge: rows N1 and N2 of docs/behaviour.md."""

from __future__ import annotations

import math
import secrets
from typing import Any

import pytest
from grpc import StatusCode

from runstream.v1 import alert_service_pb2 as pb
from runstream.v1.alert_pb2 import AlertDeliveryState, AlertDestinations, AlertLevel
from runstream.v1.experiment_service_pb2 import DeleteExperimentRequest
from runstream.v1.maintenance_service_pb2 import PurgeRequest
from runstream.v1.run_service_pb2 import DeleteRunRequest
from runstream.v1.write_pb2 import WriteId
from support.alerts import (
    SECRET,
    alerts_of,
    create_rule,
    raise_alert,
    rules_of,
    update_rule,
)
from support.api import Api, expect_refusal
from support.server_process import ServerProcess

HOOK = "https://hooks.example.com/a?b=c"
CONDITIONS: list[dict[str, Any]] = [
    {"metric_above": {"metric_key": "loss", "threshold": 1e300}},
    {"metric_below": {"metric_key": "val/acc", "threshold": -math.inf}},
    {"metric_nan": {}},
    {"metric_nan": {"metric_key": "loss"}},
    {"run_silent": {"minutes": 10_080}},
    {"run_ended": {}},
    {"run_failed": {}},
    {"alert_raised": {"min_level": AlertLevel.ALERT_LEVEL_ERROR}},
]


@pytest.fixture
def experiment(shared: Api) -> str:
    return shared.create_experiment(secrets.token_hex(8))


def test_a_rule_comes_back_as_it_was_made_until_it_is_deleted(shared: Api, experiment: str) -> None:
    """N1."""
    made = [
        create_rule(
            shared,
            experiment_id=experiment,
            name=f"Größe {number}",
            destinations=AlertDestinations(webhook_urls=[HOOK, HOOK]),
            webhook_secret=SECRET,
            **condition,
        )
        for number, condition in enumerate(CONDITIONS)
    ]
    assert rules_of(shared, experiment) == made
    for rule, condition in zip(made, CONDITIONS, strict=True):
        (name,) = condition
        assert rule.WhichOneof("condition") == name
        assert getattr(rule, name) == type(getattr(rule, name))(**condition[name])
        assert (rule.enabled, rule.level) == (True, AlertLevel.ALERT_LEVEL_WARN)
        assert rule.destinations.webhook_urls == [HOOK]
    assert SECRET not in str(made)
    for _ in range(2):  # a deletion may come again
        shared.alerts.DeleteAlertRule(pb.DeleteAlertRuleRequest(rule_id=made[0].rule_id))
    assert rules_of(shared, experiment) == made[1:]


def test_a_rule_of_a_run_is_one_of_its_experiment(shared: Api, experiment: str) -> None:
    """N1."""
    run_id = shared.create_run(experiment)
    rule = create_rule(shared, run_id=run_id, run_ended={})
    assert (rule.experiment_id, rule.run_id) == (experiment, run_id)
    assert rules_of(shared, experiment) == [rule]


@pytest.mark.parametrize(
    ("fields", "reason", "limit"),
    [
        ({"name": "x" * 251}, "VALUE_TOO_LONG", "250"),
        ({"name": ""}, "TITLE_EMPTY", ""),
        ({"level": 9}, "LEVEL_UNKNOWN", ""),
        ({"run_ended": None}, "CONDITION_MISSING", ""),
        ({"metric_above": {"metric_key": ""}}, "KEY_EMPTY", ""),
        (
            {"metric_above": {"metric_key": "a", "threshold": math.nan}},
            "CONDITION_OUT_OF_RANGE",
            "a number",
        ),
        ({"run_silent": {"minutes": 0}}, "CONDITION_OUT_OF_RANGE", "1 to 10080"),
        ({"run_silent": {"minutes": 10_081}}, "CONDITION_OUT_OF_RANGE", "1 to 10080"),
        ({"urls": [HOOK], "webhook_secret": ""}, "SECRET_MISSING", ""),
        ({"webhook_secret": "whsec_c2hvcnQ="}, "SECRET_MALFORMED", ""),
        ({"webhook_secret": "a" * 40}, "SECRET_MALFORMED", ""),
        ({"urls": [f"{HOOK}{n}" for n in range(6)]}, "DESTINATIONS_TOO_MANY", "5"),
        ({"urls": ["ftp://a/b"]}, "WEBHOOK_URL_MALFORMED", "https://host/path"),
        ({"urls": ["https://u:p@a/b"]}, "WEBHOOK_URL_MALFORMED", "https://host/path"),
        ({"urls": ["https://a/b\r\nX: y"]}, "WEBHOOK_URL_MALFORMED", "https://host/path"),
        ({"urls": ["https://a:99999/"]}, "WEBHOOK_URL_MALFORMED", "https://host/path"),
        ({"urls": ["https://a\\@b/"]}, "WEBHOOK_URL_MALFORMED", "https://host/path"),
        ({"urls": ["http://bücher.example/"]}, "WEBHOOK_URL_MALFORMED", "https://host/path"),
        ({"urls": [f"https://a/{'b' * 2_000}"]}, "VALUE_TOO_LONG", "2000"),
        ({"mails": ["nobody"]}, "EMAIL_MALFORMED", "name@host"),
        ({"mails": ["a@b\r\nBcc: c@d"]}, "EMAIL_MALFORMED", "name@host"),
        ({"mails": ["a@b."]}, "EMAIL_MALFORMED", "name@host"),
        ({"mails": ["a@b..c"]}, "EMAIL_MALFORMED", "name@host"),
    ],
)
def test_what_breaks_a_rule_of_rules_is_refused_with_the_limit(
    shared: Api, experiment: str, fields: dict[str, Any], reason: str, limit: str
) -> None:
    """N1."""
    asked: dict[str, Any] = {"run_ended": {}, "webhook_secret": SECRET, **fields}
    asked["destinations"] = AlertDestinations(
        webhook_urls=asked.pop("urls", []), email_addresses=asked.pop("mails", [])
    )
    if {"metric_above", "run_silent"} & fields.keys():
        del asked["run_ended"]
    with expect_refusal(StatusCode.INVALID_ARGUMENT, reason) as refusal:
        create_rule(shared, experiment_id=experiment, **asked)
    said = f"{refusal.metadata} {refusal.message}"
    assert SECRET not in said
    assert "//" not in said.replace("https://host/path", "")  # no URL, which has secrets in it
    if limit:
        assert refusal.metadata["limit"] == limit
    assert rules_of(shared, experiment) == []


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "a.localhost.",
        "127.0.0.1",
        "10.1.2.3",
        "192.168.0.1:8080",
        "169.254.169.254",
        "0.0.0.0",
        "224.0.0.1",
        "100.64.0.1",
        "[::1]",
        "[fe80::1]",
        "[fd00::1]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[64:ff9b:1:7f00:0:100:808:808]",
        "[2002:7f00:1::]",
        "[fec0::1]",
        "2130706433",
        "0x7f.1",
        "0177.0.0.1",
        "127.1",
        "0",
    ],
)
def test_a_webhook_is_not_at_a_private_address(shared: Api, experiment: str, host: str) -> None:
    """N3."""
    with expect_refusal(StatusCode.FAILED_PRECONDITION, "WEBHOOK_ADDRESS_PRIVATE"):
        create_rule(
            shared,
            experiment_id=experiment,
            run_ended={},
            webhook_secret=SECRET,
            destinations=AlertDestinations(webhook_urls=[f"http://{host}/hook"]),
        )


def test_a_server_that_sends_no_mail_says_so(shared: Api, experiment: str) -> None:
    """N4."""
    with expect_refusal(StatusCode.FAILED_PRECONDITION, "EMAIL_NOT_CONFIGURED") as refusal:
        create_rule(
            shared,
            experiment_id=experiment,
            run_ended={},
            destinations=AlertDestinations(email_addresses=["ada@example.com"]),
        )
    assert "--smtp-url" in refusal.message


@pytest.mark.parametrize("both", [False, True])
def test_a_rule_or_an_alert_is_about_an_experiment_or_a_run(
    shared: Api, experiment: str, both: bool
) -> None:
    """N1, N2."""
    subject = {"experiment_id": experiment, "run_id": shared.create_run(experiment)}
    if not both:
        subject = {}
    with expect_refusal(StatusCode.INVALID_ARGUMENT, "SUBJECT_MALFORMED"):
        create_rule(shared, run_ended={}, **subject)
    with expect_refusal(StatusCode.INVALID_ARGUMENT, "SUBJECT_MALFORMED"):
        raise_alert(shared, title="t", **subject)


def test_a_rule_changes_in_what_is_set_alone(shared: Api, experiment: str) -> None:
    """N1."""
    rule = create_rule(
        shared,
        experiment_id=experiment,
        metric_above={"metric_key": "loss", "threshold": 2},
        destinations=AlertDestinations(webhook_urls=[HOOK]),
        webhook_secret=SECRET,
    )
    changed = update_rule(shared, rule, enabled=False)
    assert (changed.enabled, changed.metric_above) == (False, rule.metric_above)
    assert changed.destinations == rule.destinations
    changed = update_rule(shared, rule, name="n", level=3, metric_nan={"metric_key": "acc"})
    assert (changed.name, changed.level, changed.enabled) == ("n", 3, False)
    assert (changed.WhichOneof("condition"), changed.metric_nan.metric_key) == ("metric_nan", "acc")
    changed = update_rule(shared, rule, destinations=AlertDestinations())
    assert not changed.destinations.webhook_urls
    assert rules_of(shared, experiment) == [changed]
    with expect_refusal(StatusCode.NOT_FOUND, "ALERT_RULE_NOT_FOUND"):
        update_rule(shared, type(rule)(rule_id=secrets.token_hex(16)), name="n")


def test_alerts_come_back_newest_first_from_pages(shared: Api, experiment: str) -> None:
    """N2."""
    runs = [shared.create_run(experiment) for _ in range(2)]
    for number in range(6):
        raise_alert(
            shared,
            run_id=runs[number % 2],
            title=f"t{number}",
            text="a\0b" * number,
            level=AlertLevel.ALERT_LEVEL_ERROR,
        )
    of_experiment = raise_alert(shared, experiment_id=experiment, title="all")
    assert (of_experiment.run_id, of_experiment.level) == ("", AlertLevel.ALERT_LEVEL_INFO)
    found = alerts_of(shared, experiment_id=experiment, max_results=2)
    assert [alert.title for alert in found] == ["all", "t5", "t4", "t3", "t2", "t1", "t0"]
    assert found == alerts_of(shared, experiment_id=experiment)
    assert found == [alert for alert in alerts_of(shared) if alert.experiment_id == experiment]
    assert alerts_of(shared, run_id=runs[0], max_results=1) == [found[2], found[4], found[6]]
    since = found[3].creation_time
    newer = [alert for alert in found if alert.creation_time >= since]
    assert alerts_of(shared, experiment_id=experiment, since=since) == newer
    assert (found[1].run_id, found[1].text, found[1].level) == (runs[1], "a\0b" * 5, 3)
    assert found[1].run_name


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"title": " "}, "TITLE_EMPTY"),
        ({"title": "a\nb"}, "TITLE_MALFORMED"),
        ({"title": "x" * 251}, "VALUE_TOO_LONG"),
        ({"text": "x" * 10_001}, "VALUE_TOO_LONG"),
        ({"level": 4}, "LEVEL_UNKNOWN"),
    ],
)
def test_an_alert_that_breaks_a_rule_is_refused(
    shared: Api, experiment: str, fields: dict[str, Any], reason: str
) -> None:
    """N2."""
    with expect_refusal(StatusCode.INVALID_ARGUMENT, reason):
        raise_alert(shared, **{"experiment_id": experiment, "title": "t", **fields})


def test_what_is_sent_again_creates_nothing_more(shared: Api, experiment: str) -> None:
    """N1, N2, P3."""
    write = WriteId(writer=secrets.token_hex(16), sequence=1)
    rule = create_rule(shared, experiment_id=experiment, alert_raised={}, write=write)
    assert create_rule(shared, experiment_id=experiment, alert_raised={}, write=write) == rule
    assert rules_of(shared, experiment) == [rule]
    alert = raise_alert(shared, experiment_id=experiment, title="t", write=write)
    assert raise_alert(shared, experiment_id=experiment, title="t", write=write) == alert
    assert alerts_of(shared, experiment_id=experiment) == [alert]
    other = shared.create_experiment(secrets.token_hex(8))
    assert raise_alert(shared, experiment_id=other, title="t", write=write) != alert


def test_a_raised_alert_has_a_delivery_for_each_destination_of_the_rules_for_it(
    shared: Api, experiment: str
) -> None:
    """N2."""
    run_id, other = (shared.create_run(experiment) for _ in range(2))
    to = {"destinations": AlertDestinations(webhook_urls=[HOOK]), "webhook_secret": SECRET}
    for subject, level in (({"experiment_id": experiment}, 2), ({"run_id": run_id}, 0)):
        create_rule(shared, alert_raised={"min_level": level}, **subject, **to)
    create_rule(shared, experiment_id=experiment, run_ended={}, **to)
    disabled = create_rule(shared, experiment_id=experiment, alert_raised={}, **to)
    update_rule(shared, disabled, enabled=False)
    for subject, level, expected in (
        ({"run_id": run_id}, 1, 1),
        ({"run_id": run_id}, 2, 2),
        ({"run_id": other}, 1, 0),
        ({"run_id": other}, 3, 1),
        ({"experiment_id": experiment}, 3, 1),
    ):
        alert = raise_alert(shared, title="t", level=level, **subject)
        assert [each.destination for each in alert.deliveries] == [HOOK] * expected
        states = {each.state for each in alert.deliveries}
        assert states <= {AlertDeliveryState.ALERT_DELIVERY_STATE_PENDING}


def test_rules_and_alerts_of_what_is_deleted_are_read_only_and_purged_with_it(
    server: ServerProcess, api: Api
) -> None:
    """N1, N2, E5."""
    experiment = api.create_experiment("gone")
    kept = api.create_experiment("kept")
    run_id = api.create_run(kept)
    rule = create_rule(api, experiment_id=experiment, run_ended={})
    create_rule(api, run_id=run_id, run_silent={"minutes": 1})
    raise_alert(api, experiment_id=experiment, title="t")
    raise_alert(api, run_id=run_id, title="t")
    api.experiments.DeleteExperiment(DeleteExperimentRequest(experiment_id=experiment))
    api.runs.DeleteRun(DeleteRunRequest(run_id=run_id))
    assert len(rules_of(api, experiment)) == len(alerts_of(api, experiment_id=experiment)) == 1
    for write in (
        lambda: create_rule(api, experiment_id=experiment, run_ended={}),
        lambda: update_rule(api, rule, name="n"),
        lambda: raise_alert(api, experiment_id=experiment, title="t"),
    ):
        with expect_refusal(StatusCode.FAILED_PRECONDITION, "EXPERIMENT_DELETED"):
            write()
    for write in (
        lambda: create_rule(api, run_id=run_id, run_ended={}),
        lambda: raise_alert(api, run_id=run_id, title="t"),
    ):
        with expect_refusal(StatusCode.FAILED_PRECONDITION, "RUN_DELETED"):
            write()
    list(api.maintenance.Purge(PurgeRequest()))
    assert rules_of(api, kept) == []
    for table in ("alert", "alert_rule", "alert_state"):
        assert server.query(f"SELECT count(*) FROM {table}") == [(0,)]
