"""What an error of PostgreSQL means: our fault, the database's, or a conflict with others."""

from __future__ import annotations

import peewee
import psycopg
from playhouse.pool import MaxConnectionsExceeded
from psycopg import errors

#: All errors of the driver, of Peewee and of the pool.
ERRORS = (peewee.DatabaseError, peewee.InterfaceError, psycopg.Error, MaxConnectionsExceeded)

# Errors of the code; all others are those of the database, the network or the disk.
_OURS = (
    peewee.IntegrityError,
    peewee.ProgrammingError,
    peewee.DataError,
    peewee.NotSupportedError,
    psycopg.IntegrityError,
    psycopg.ProgrammingError,
    psycopg.DataError,
    psycopg.NotSupportedError,
)

# Of the kind of the former, but what an administrator took away.
_OF_ADMINISTRATORS = (errors.InsufficientPrivilege, errors.InvalidCatalogName)

# Another transaction came between; run again, this one finds what that one wrote or deleted.
_CONFLICTS = (
    errors.SerializationFailure,
    errors.DeadlockDetected,
    errors.UniqueViolation,
    errors.ForeignKeyViolation,
    errors.RestrictViolation,  # the same of PostgreSQL 18, for ON DELETE RESTRICT
)


def is_storage_fault(error: Exception) -> bool:
    """Return whether the database, its disk or the network failed, and not our code."""
    if isinstance(_driver_error(error), _OF_ADMINISTRATORS):
        return True
    return isinstance(error, (*ERRORS, OSError)) and not isinstance(error, _OURS)


def is_conflict(error: Exception) -> bool:
    """Return whether a transaction failed because of another, and is to be run again."""
    return isinstance(_driver_error(error), _CONFLICTS)


def is_read_only(error: BaseException) -> bool:
    """Return whether something was to be written to a standby."""
    return isinstance(_driver_error(error), errors.ReadOnlySqlTransaction)


def _driver_error(error: BaseException) -> BaseException | None:
    """Return the error of the driver, which Peewee wraps in one of its own."""
    return error.__context__ if type(error).__module__ == "peewee" else error
