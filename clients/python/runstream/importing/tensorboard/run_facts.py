"""What event files say of their run: its hyperparameters, its group, when it began and ended."""

from __future__ import annotations

import json
import math
from typing import Any

from google.protobuf.message import DecodeError

from runstream.importing.tensorboard.messages import message_class

_STATUS = {1: "FINISHED", 2: "FAILED"}


class RunFacts:
    """What event files say of their run besides points and media.

    Attributes:
        params: hyperparameters.
        group: the group of sessions that the run belongs to, empty if none is given.
        status: `FINISHED` or `FAILED` once a session has ended, else empty.
        start_time, end_time: seconds since the epoch; those of the plugin `hparams`, or else the
            times of the first and the last event.
    """

    def __init__(self) -> None:
        self.params: dict[str, str] = {}
        self.group = ""
        self.status = ""
        self._first_time: float | None = None
        self._last_time: float | None = None
        self._session_start = 0.0
        self._session_end = 0.0

    @property
    def start_time(self) -> float:
        return self._session_start or self._first_time or 0.0

    @property
    def end_time(self) -> float:
        return self._session_end or self._last_time or self.start_time

    def see(self, wall_time: float) -> None:
        """Take note of the time of an event."""
        if math.isfinite(wall_time):
            self._first_time = wall_time if self._first_time is None else self._first_time
            self._last_time = wall_time

    def add(self, content: bytes) -> None:
        """Take what a message of the plugin says.

        Raises:
            ValueError: it is malformed.
        """
        try:
            message = message_class("HParams").FromString(content)
        except DecodeError as error:
            raise ValueError(f"malformed hyperparameters ({error})") from None
        if message.HasField("session_start_info"):
            start = message.session_start_info
            self.params |= {
                entry.key.decode(errors="replace"): _to_text(entry.value) for entry in start.hparams
            }
            self.group = start.group_name.decode(errors="replace") or self.group
            self._session_start = self._session_start or start.start_time_secs
            self._session_end = 0.0  # it began again, if it had ended
            self.status = ""
        if message.HasField("session_end_info"):
            end = message.session_end_info
            self.status = _STATUS.get(end.status, "")
            self._session_end = end.end_time_secs


def _to_text(value: Any) -> str:
    found = _to_plain(value)
    if isinstance(found, str):
        return found
    return json.dumps(found) if isinstance(found, list) else str(found)


def _to_plain(value: Any) -> Any:
    """Return a value as Python has it: numbers are doubles there, also those that were integers."""
    if value.HasField("number_value"):
        number = value.number_value
        return int(number) if number.is_integer() and abs(number) < 2**53 else number
    if value.HasField("string_value"):
        return value.string_value.decode(errors="replace")
    if value.HasField("bool_value"):
        return value.bool_value
    if value.HasField("list_value"):
        return [_to_plain(element) for element in value.list_value.values]
    return None
