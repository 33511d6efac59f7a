"""TrackingClient: every RPC as a method, with explicit run ids.

There is a mixin of methods for each service of the contract: `logging_calls`, `run_calls`,
`search_calls`, `metric_calls`, `experiment_calls`, `artifact_calls`, `logged_model_calls`,
`registered_model_calls` and `model_version_calls`, `console_calls`, `watch_calls`,
`maintenance_calls`, `server_calls`, `access_calls`, `document_calls` and `alert_calls`; and
`start_calls` for handles of runs. Above `artifact_calls` are `artifact_content_calls` (texts,
dictionaries, figures, images), `media_calls` (sound, histograms, series), `config_calls`,
`table_calls` and `model_registration_calls`.
"""

from __future__ import annotations

import logging
import os
from types import TracebackType
from typing import Any

from runstream.calls.access_calls import AccessCalls
from runstream.calls.alert_calls import AlertCalls
from runstream.calls.config_calls import ConfigCalls
from runstream.calls.console_calls import ConsoleCalls
from runstream.calls.document_calls import DocumentCalls
from runstream.calls.experiment_calls import ExperimentCalls
from runstream.calls.maintenance_calls import MaintenanceCalls
from runstream.calls.media_calls import MediaCalls
from runstream.calls.metric_calls import MetricCalls
from runstream.calls.model_registration_calls import ModelRegistrationCalls
from runstream.calls.run_statistics_calls import RunStatisticsCalls
from runstream.calls.server_calls import ServerCalls
from runstream.calls.sessions import open_session, release_session
from runstream.calls.start_calls import StartCalls
from runstream.calls.table_calls import TableCalls
from runstream.calls.watch_calls import WatchCalls
from runstream.errors import RunstreamError
from runstream.outbox.deferred_work import WORK_NOT_DONE
from runstream.process import shutdown

log = logging.getLogger("runstream")


class TrackingClient(
    ConfigCalls,
    ConsoleCalls,
    ExperimentCalls,
    TableCalls,
    RunStatisticsCalls,
    MediaCalls,
    MetricCalls,
    ModelRegistrationCalls,
    WatchCalls,
    MaintenanceCalls,
    ServerCalls,
    StartCalls,
    AccessCalls,
    DocumentCalls,
    AlertCalls,
):
    """A client for services, tools and programs that log many runs at once.

    It is safe to use from any number of threads, and after a fork; it is pickled as its tracking
    URI and the token that it was given. All clients of a process for one tracking URI and token
    share one connection and one stream.

    `log_metric`, `log_metrics`, `log_batch`, `log_columns`, `log_param`, `log_params`, `set_tag`,
    `set_tags` and `alert` queue and return at once; what they queued is on disk when `flush` has
    returned, or a call that reads or ends the same run. What the server refuses is raised by the
    next call for the run. Every other method is one RPC, and durable when it has returned; they
    raise `Unavailable` if the server cannot be reached for half a minute, and `DeadlineExceeded`.

    Args:
        tracking_uri: where to log, in a form of `runstream.transport.tracking_uri`;
            RUNSTREAM_TRACKING_URI or else the file `runstream.db` in the current directory, if left
            out.
        token: says who calls, to a server that wants to know; that of RUNSTREAM_TOKEN or of the
            file RUNSTREAM_TOKEN_FILE, if left out. Both are read anew for each call.
    """

    def __init__(
        self, tracking_uri: str | os.PathLike[str] | None = None, token: str | None = None
    ) -> None:
        self._session = open_session(tracking_uri, token)
        self._connection = self._session.connection
        self._outbox = self._session.outbox
        self._own_tables = {}
        self._closed = False

    @property
    def tracking_uri(self) -> str:
        """The tracking URI, with its path absolute."""
        return self._session.uri

    def close(self) -> None:
        """Wait until all that was logged is delivered, and let go of the connection.

        It waits as the end of the program does: RUNSTREAM_EXIT_SECONDS for a server that does not
        answer. What is in the spool by then is delivered later, and a warning says where it is. A
        closed client that is used again opens the connection again.

        Raises:
            RunstreamError: the server refused something of what was logged, or refuses the stream
                for good, or something has no answer and is in memory alone.
        """
        try:
            error = self._session.drain(shutdown.exit_seconds(), shutdown.LIMIT_SECONDS)
            if error is not None:
                self._check_saved(error)
            self._outbox.raise_refusals()
        finally:
            if not self._closed:
                self._closed = True
                release_session(self._session)

    def _check_saved(self, error: RunstreamError) -> None:
        """Raise why not all is delivered, unless it is on disk and the server is only away."""
        is_saved = error.reason != WORK_NOT_DONE and not self._session.unsaved()
        if self._outbox.has_lasting_error or not is_saved:
            raise error
        self._session.announced = self._session.saved()
        log.warning(
            "not all is delivered to %s (%s): it is kept in %s, and sent while this program runs, "
            "by `runstream sync`, or by the next program that logs to this server",
            self._session.uri,
            self._outbox.stream_error or error,
            self._session.spool_folder(),
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return TrackingClient, (self.tracking_uri, self._session.token.given())

    def __enter__(self) -> TrackingClient:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
