"""Whether traces and metrics are to be sent, and by what."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runstream_service.telemetry.exporting import Telemetry

log = logging.getLogger(__name__)


def is_asked_for(signal: str, environment: Mapping[str, str]) -> bool:
    """Return whether a signal, TRACES or METRICS, is to be sent, by the standard variables."""
    if environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    if environment.get(f"OTEL_{signal}_EXPORTER", "otlp") != "otlp":
        return False
    names = ("OTEL_EXPORTER_OTLP_ENDPOINT", f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT")
    return any(environment.get(name) for name in names)


def start_telemetry() -> Telemetry | None:
    """Return what sends traces and metrics; None if nothing is to be sent."""
    signals = [signal for signal in ("TRACES", "METRICS") if is_asked_for(signal, os.environ)]
    if not signals:
        return None
    try:
        from runstream_service.telemetry.exporting import Telemetry
    except ModuleNotFoundError as missing:
        log.warning(
            "no telemetry is sent, because the package of %s is missing: "
            "pip install 'runstream[opentelemetry]' installs it",
            missing.name,
        )
        return None
    return Telemetry(signals)
