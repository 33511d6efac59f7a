"""The log of the server on stderr: lines of text, or of JSON."""

from __future__ import annotations

import json
import logging
import sys
from datetime import datetime, timezone

_TEXT = "%(asctime)s %(levelname)s{worker} %(name)s: %(message)s"


def start_logging(level: str, log_format: str, worker: int = 0) -> None:
    """Write events from a level on to stderr.

    Args:
        level: debug, info, warning or error.
        log_format: text or json.
        worker: the number of this process among several that write to the same stderr; 0 for none.
    """
    handler = logging.StreamHandler(sys.stderr)
    if log_format == "json":
        handler.setFormatter(_JsonFormatter(worker))
    else:
        text = _TEXT.format(worker=f" worker {worker}" if worker else "")
        handler.setFormatter(_TextFormatter(text))
    logging.basicConfig(level=level.upper(), handlers=[handler])
    # uvicorn logs its start, and each exception that `http/errors.py` has logged already.
    logging.getLogger("uvicorn").setLevel(logging.CRITICAL)
    logging.getLogger("peewee").setLevel(max(logging.WARNING, logging.root.level))


def _request_id(record: logging.LogRecord) -> str | None:
    return getattr(record, "request_id", None)


class _TextFormatter(logging.Formatter):
    """Writes an event, with the ids of its request and its trace, if it has any."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 # of logging
        text = super().formatMessage(record)
        names = {"request": _request_id(record), "trace": getattr(record, "trace_id", None)}
        said = ", ".join(f"{name} {value}" for name, value in names.items() if value)
        return f"{text} ({said})" if said else text


class _JsonFormatter(logging.Formatter):
    """Writes an event as one line of JSON."""

    def __init__(self, worker: int) -> None:
        super().__init__()
        self._worker = worker

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, timezone.utc)
        event: dict[str, object] = {
            "time": time.isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if self._worker:
            event["worker"] = self._worker
        request = _request_id(record)
        if request:
            event["request_id"] = request
        for name in ("trace_id", "span_id"):  # telemetry/exporting.py adds them
            if hasattr(record, name):
                event[name] = getattr(record, name)
        if record.exc_info:
            event["exception"] = self.formatException(record.exc_info)
        return json.dumps(event)
