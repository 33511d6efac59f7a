"""The statuses of runs, models and versions, by the numbers that the columns hold."""

from __future__ import annotations

from enum import IntEnum


class RunStatus(IntEnum):
    RUNNING = 1
    SCHEDULED = 2
    FINISHED = 3
    FAILED = 4
    KILLED = 5


class LoggedModelStatus(IntEnum):
    LOGGED_MODEL_PENDING = 1
    LOGGED_MODEL_READY = 2
    LOGGED_MODEL_UPLOAD_FAILED = 3


class ModelVersionStatus(IntEnum):
    PENDING_REGISTRATION = 1
    FAILED_REGISTRATION = 2
    READY = 3


#: The stages of versions.
STAGES = ("None", "Staging", "Production", "Archived")

#: The stages of which a version can take the place of others, which are archived.
ACTIVE_STAGES = ("Staging", "Production")
