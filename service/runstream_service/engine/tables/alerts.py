"""Alerts, the rules that tell of them, and what is delivered of them."""

from __future__ import annotations

from peewee import (
    AutoField,
    BigIntegerField,
    BooleanField,
    CompositeKey,
    ForeignKeyField,
    IntegerField,
    TextField,
)

from runstream_service.engine.tables.base import DoubleField, Table
from runstream_service.engine.tables.experiments import Experiment
from runstream_service.engine.tables.runs import Run


class AlertRule(Table):
    """When somebody is told of the runs of an experiment, or of one run."""

    experiment_id: int
    run_id: int | None

    id = AutoField()
    # What it is called in the contract.
    uuid = TextField(unique=True)
    experiment = ForeignKeyField(Experiment, on_delete="CASCADE")
    # The only run that it judges.
    run = ForeignKeyField(Run, null=True, on_delete="CASCADE")
    name = TextField()
    level = IntegerField()
    enabled = BooleanField()
    # A ConditionKind of catalog/alert_rules.py.
    kind = IntegerField()
    # Empty where the condition has none.
    metric_key = TextField()
    # A threshold, minutes, or the least level, by the kind; 0 where the condition has none.
    bound = DoubleField()
    # Lists of texts, as JSON.
    webhook_urls = TextField()
    email_addresses = TextField()
    webhook_secret = TextField()
    creation_time = BigIntegerField()
    last_update_time = BigIntegerField()
    # The name of a user; empty, if the server did not know who called.
    created_by = TextField()
    # Grows with each change.
    version = BigIntegerField()


class AlertState(Table):
    """What a rule knows of a run, or of one metric of it."""

    rule_id: int
    run_id: int

    rule = ForeignKeyField(AlertRule, on_delete="CASCADE", index=False)
    run = ForeignKeyField(Run, on_delete="CASCADE")
    # Empty where the rule is not about a metric.
    metric_key = TextField()
    # Whether the condition holds, and was told.
    holds = BooleanField()
    # When it was told last, or when there was the last news, by the clock of the server.
    time = BigIntegerField()
    # Where the point is that was told last.
    step = BigIntegerField()
    timestamp = BigIntegerField()

    class Meta:
        primary_key = CompositeKey("rule", "run", "metric_key")
        without_rowid = True


class Alert(Table):
    """Something of which people are told."""

    experiment_id: int
    run_id: int | None

    id = AutoField()
    # What it is called in the contract.
    uuid = TextField(unique=True)
    experiment = ForeignKeyField(Experiment, on_delete="CASCADE", index=False)
    run = ForeignKeyField(Run, null=True, on_delete="CASCADE", index=False)
    # The uuid of the rule, which may be gone; empty if a program raised it.
    rule_uuid = TextField()
    title = TextField()
    text = TextField()
    level = IntegerField()
    creation_time = BigIntegerField(index=True)
    metric_key = TextField()
    step = BigIntegerField(null=True)
    value = DoubleField(null=True)
    created_by = TextField()

    class Meta:
        indexes = (
            (("experiment", "creation_time", "id"), False),
            (("run", "creation_time", "id"), False),
        )


class AlertDelivery(Table):
    """One destination that is told of an alert."""

    alert_id: int
    rule_id: int | None

    id = AutoField()
    alert = ForeignKeyField(Alert, on_delete="CASCADE")
    rule = ForeignKeyField(AlertRule, null=True, on_delete="SET NULL")
    # A URL of a webhook, or an address of e-mail.
    destination = TextField()
    # A DeliveryState of catalog/alert_deliveries.py.
    state = IntegerField()
    attempts = IntegerField()
    # When it is tried next while it is pending, else when it was tried last.
    time = BigIntegerField()
    error = TextField()

    class Meta:
        indexes = ((("state", "time"), False),)
