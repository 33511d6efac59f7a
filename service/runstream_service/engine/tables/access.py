"""Who may do what: tokens, sessions of the interface, and grants on experiments."""

from __future__ import annotations

from peewee import (
    AutoField,
    BigIntegerField,
    BlobField,
    CompositeKey,
    ForeignKeyField,
    IntegerField,
    TextField,
)

from runstream_service.engine.tables.base import Table
from runstream_service.engine.tables.experiments import Experiment


class Token(Table):
    """A token of the API, by which somebody says who they are."""

    id = AutoField()
    user_name = TextField(index=True)
    # What its user calls it.
    description = TextField()
    # SHA-256 of the token, which is random and long, so that nobody can guess it from this.
    digest = BlobField(unique=True)
    # A ServerRole of access/caller.py.
    role = IntegerField()
    creation_time = BigIntegerField()
    expiry_time = BigIntegerField(null=True)
    revocation_time = BigIntegerField(null=True)
    last_use_time = BigIntegerField(null=True)
    # The user who made it; nobody, if they did not have to say who they were.
    created_by = TextField(null=True)


class Session(Table):
    """Somebody who has signed in to the interface."""

    token_id: int | None

    id = AutoField()
    # SHA-256 of what the cookie of the browser has, which is random and long.
    digest = BlobField(unique=True)
    user_name = TextField()
    # A ServerRole of access/caller.py.
    role = IntegerField()
    # A list of JSON.
    user_groups = TextField()
    # The token by which they signed in, which ends the session when it ends.
    token = ForeignKeyField(Token, null=True, on_delete="CASCADE")
    expiry_time = BigIntegerField(index=True)


class AuditEntry(Table):
    """A call that changed something, or that was refused."""

    id = AutoField()
    time = BigIntegerField(index=True)
    user_name = TextField()
    peer = TextField()
    method = TextField()
    # What it was about, by name: `run_id=…`.
    subject = TextField()
    # The code of gRPC by which it ended.
    code = TextField()


class Grant(Table):
    """What a user or a group may do with an experiment."""

    experiment_id: int

    experiment = ForeignKeyField(Experiment, on_delete="CASCADE", index=False)
    # `user:NAME` or `group:NAME`.
    grantee = TextField()
    # A GrantRole of access/caller.py.
    role = IntegerField()

    class Meta:
        table_name = "experiment_grant"
        primary_key = CompositeKey("experiment", "grantee")
        without_rowid = True
        indexes = ((("grantee", "experiment"), False),)
