"""The table of figures, which each module declares beside how it measures them."""

from __future__ import annotations

from benchmarks import (
    artifacts,
    autolog,
    callbacks,
    calls,
    charts,
    disk,
    history,
    imports,
    ingest,
    jvm,
    lanes,
    plugin,
    postgresql,
    rest,
    runs,
    search,
    streams,
    system,
    watch,
    web,
)

FIGURES = (
    *ingest.FIGURES,
    *calls.FIGURES,
    *autolog.FIGURES,
    *plugin.FIGURES,
    *callbacks.FIGURES,
    *system.FIGURES,
    *runs.FIGURES,
    *history.FIGURES,
    *search.FIGURES,
    *watch.FIGURES,
    *artifacts.FIGURES,
    *rest.FIGURES,
    *imports.FIGURES,
    *jvm.FIGURES,
    *web.FIGURES,
    *charts.FIGURES,
    *disk.FIGURES,
    *streams.FIGURES,
    *lanes.FIGURES,
    *postgresql.FIGURES,
)
