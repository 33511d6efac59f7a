"""The statuses of runs and of logged models, by the numbers that the columns hold."""

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
