"""Alerts of runs and experiments, the rules that tell of them, and their deliveries."""

from peewee import (
    AutoField,
    BareField,
    BigIntegerField,
    BooleanField,
    CompositeKey,
    ForeignKeyField,
    IntegerField,
    Model,
    TextField,
)


def up(migrator, db):  # type: ignore[no-untyped-def] # noqa: ARG001 # the form playhouse.migrations calls
    class Table(Model):
        class Meta:
            database = db
            legacy_table_names = False

    class Experiment(Table):
        id = AutoField()

    class Run(Table):
        id = AutoField()

    class AlertRule(Table):
        id = AutoField()
        uuid = TextField(unique=True)
        experiment = ForeignKeyField(Experiment, on_delete="CASCADE")
        run = ForeignKeyField(Run, null=True, on_delete="CASCADE")
        name = TextField()
        level = IntegerField()
        enabled = BooleanField()
        kind = IntegerField()
        metric_key = TextField()
        bound = BareField()
        webhook_urls = TextField()
        email_addresses = TextField()
        webhook_secret = TextField()
        creation_time = BigIntegerField()
        last_update_time = BigIntegerField()
        created_by = TextField()
        version = BigIntegerField()

    class AlertState(Table):
        rule = ForeignKeyField(AlertRule, on_delete="CASCADE", index=False)
        run = ForeignKeyField(Run, on_delete="CASCADE")
        metric_key = TextField()
        holds = BooleanField()
        time = BigIntegerField()
        step = BigIntegerField()
        timestamp = BigIntegerField()

        class Meta:
            primary_key = CompositeKey("rule", "run", "metric_key")
            without_rowid = True

    class Alert(Table):
        id = AutoField()
        uuid = TextField(unique=True)
        experiment = ForeignKeyField(Experiment, on_delete="CASCADE", index=False)
        run = ForeignKeyField(Run, null=True, on_delete="CASCADE", index=False)
        rule_uuid = TextField()
        title = TextField()
        text = TextField()
        level = IntegerField()
        creation_time = BigIntegerField(index=True)
        metric_key = TextField()
        step = BigIntegerField(null=True)
        value = BareField(null=True)
        created_by = TextField()

        class Meta:
            indexes = (
                (("experiment", "creation_time", "id"), False),
                (("run", "creation_time", "id"), False),
            )

    class AlertDelivery(Table):
        id = AutoField()
        alert = ForeignKeyField(Alert, on_delete="CASCADE")
        rule = ForeignKeyField(AlertRule, null=True, on_delete="SET NULL")
        destination = TextField()
        state = IntegerField()
        attempts = IntegerField()
        time = BigIntegerField()
        error = TextField()

        class Meta:
            indexes = ((("state", "time"), False),)

    db.create_tables([AlertRule, AlertState, Alert, AlertDelivery], safe=False)
