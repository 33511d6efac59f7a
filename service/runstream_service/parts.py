"""What a server is made of: one object of each kind, and which of them knows which."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from runstream_service.access.audit import AuditLog
from runstream_service.access.authentication import Authentication
from runstream_service.access.certificate_callers import CertificateCallers
from runstream_service.access.limits import CallerLimits
from runstream_service.access.oidc import open_oidc
from runstream_service.alerts.delivery import Deliveries
from runstream_service.alerts.judge import Judge
from runstream_service.alerts.mail import parse_smtp_url
from runstream_service.alerts.rule_book import RuleBook
from runstream_service.alerts.silence import Silence
from runstream_service.config import Config
from runstream_service.engine import database_settings
from runstream_service.engine.engine import Engine
from runstream_service.engine.leases import Leases
from runstream_service.engine.membership import Membership
from runstream_service.engine.readers import PAGE_THREADS
from runstream_service.engine.readiness import Readiness
from runstream_service.engine.store import Store
from runstream_service.files.artifact_root import default_root, open_storage
from runstream_service.files.artifact_store import ArtifactStore
from runstream_service.files.file_threads import FileThreads
from runstream_service.files.storage import Storage
from runstream_service.ingest.ingest import Ingest
from runstream_service.live.feed import Feed
from runstream_service.live.heartbeats import Heartbeats, SharedHeartbeats
from runstream_service.live.shared_feed import ChangeCodec, SharedFeed
from runstream_service.metrics.sources import MetricSources
from runstream_service.points.append import PointAppender
from runstream_service.points.backlog import Backlog
from runstream_service.points.sealer import Sealer
from runstream_service.rpc.access_servicer import AccessServicer
from runstream_service.rpc.alert_requests import Sending
from runstream_service.rpc.alert_servicer import AlertServicer
from runstream_service.rpc.artifact_servicer import ArtifactServicer
from runstream_service.rpc.document_servicer import DocumentServicer
from runstream_service.rpc.experiment_servicer import ExperimentServicer
from runstream_service.rpc.interceptor import CallInterceptor
from runstream_service.rpc.logged_model_servicer import LoggedModelServicer
from runstream_service.rpc.logging_servicer import LoggingServicer
from runstream_service.rpc.maintenance_servicer import MaintenanceServicer
from runstream_service.rpc.metric_servicer import MetricServicer
from runstream_service.rpc.model_registry_servicer import ModelRegistryServicer
from runstream_service.rpc.run_changes import decode_changes, encode_changes
from runstream_service.rpc.run_servicer import RunServicer
from runstream_service.rpc.watch_servicer import WatchServicer


class Parts(NamedTuple):
    """What is there before anybody is answered; a room of the server explains each."""

    store: Store
    membership: Membership
    feed: Feed
    heartbeats: Heartbeats
    backlog: Backlog
    appender: PointAppender
    ingest: Ingest
    sealer: Sealer
    rule_book: RuleBook
    silence: Silence
    deliveries: Deliveries
    authentication: Authentication
    limits: CallerLimits
    audit: AuditLog
    calls: CallInterceptor
    files: FileThreads

    async def close(self) -> None:
        """End the threads, once what they have to do is done."""
        await self.sealer.close()
        await self.store.stop()
        await self.files.close()

    def open_artifacts(self, config: Config) -> tuple[ArtifactStore, Storage]:
        """Return the artifacts and where their contents are.

        Raises:
            CannotOpenError: the root cannot be used.
        """
        engine, writer, readers = self.store.engine, self.store.writer, self.store.readers
        root = config.artifact_root or default_root(engine.file)
        storage, staging = open_storage(root, engine.IS_SHARED, writer, readers, self.files)
        limit = config.limits.artifact_bytes
        return ArtifactStore(writer, readers, storage, staging, limit), storage

    def make_readiness(self) -> Readiness:
        """Return what knows whether the server can serve."""
        probe = self.membership.renew if self.membership.id else database_settings.write_probe
        return Readiness(self.store.writer, probe)

    def metric_sources(self, artifacts: ArtifactStore) -> MetricSources:
        """Return where the figures of the server come from."""
        return MetricSources(
            self.store.engine,
            self.calls.counts,
            self.store.writer,
            self.store.readers,
            self.feed,
            self.appender,
            self.backlog,
            self.sealer,
            artifacts,
        )

    def make_servicers(self, config: Config, artifacts: ArtifactStore) -> dict[str, Any]:
        """Return the servicers that need nothing else, by the names of their services."""
        writer, readers = self.store.writer, self.store.readers
        # Two threads that read a file take turns with Python's lock: what they do outside of it is
        # too short. A database in another process works for one while the other decodes.
        group_threads = PAGE_THREADS if self.store.engine.IS_SHARED else 1
        return {
            "runstream.v1.ExperimentService": ExperimentServicer(writer, readers),
            "runstream.v1.RunService": RunServicer(writer, readers, self.ingest),
            "runstream.v1.LoggingService": LoggingServicer(
                writer, self.ingest, self.heartbeats, self.audit
            ),
            "runstream.v1.MetricService": MetricServicer(readers, group_threads),
            "runstream.v1.WatchService": WatchServicer(readers, self.feed, self.limits),
            "runstream.v1.ArtifactService": ArtifactServicer(readers, artifacts),
            "runstream.v1.LoggedModelService": LoggedModelServicer(writer, readers),
            "runstream.v1.ModelRegistryService": ModelRegistryServicer(writer, readers),
            "runstream.v1.MaintenanceService": MaintenanceServicer(
                writer, readers, artifacts, Leases(self.membership)
            ),
            "runstream.v1.AccessService": AccessServicer(
                writer, readers, self.authentication, keep_admin=not config.names_admins
            ),
            "runstream.v1.DocumentService": DocumentServicer(writer, readers),
            "runstream.v1.AlertService": AlertServicer(
                writer,
                readers,
                self.rule_book,
                Sending(
                    email=bool(config.smtp_url), private_webhooks=config.alert_private_webhooks
                ),
            ),
        }


def start_parts(config: Config, store: Store, at_end: Callable[[], object]) -> Parts:
    """Make the parts of a server, and start the threads of the store.

    Args:
        config: the settings of the server.
        store: its database.
        at_end: called before the process ends because of deleted or replaced files.

    Raises:
        CannotOpenError: as `open_oidc`.
    """
    oidc = open_oidc(config.oidc)
    membership = Membership(store.engine)
    feed = _make_feed(store.engine, membership)
    heartbeats = (SharedHeartbeats if membership.id else Heartbeats)(config.lost_after)
    backlog = Backlog(store.engine)
    appender = PointAppender(backlog, membership.id or None)
    ingest = Ingest(heartbeats, appender)
    rule_book = RuleBook()
    silence = Silence(rule_book)
    judge = Judge(rule_book, silence)
    store.start(ingest, feed, judge, at_end, query_seconds=config.query_timeout)
    writer = feed.writer = store.writer
    named = CertificateCallers(config.tls_admins) if config.tls_client_ca else None
    authentication = Authentication(writer, store.readers, named, oidc)
    limits = CallerLimits(config.limits)
    audit = AuditLog(writer, authentication, config.audit_days)
    return Parts(
        store=store,
        membership=membership,
        feed=feed,
        heartbeats=heartbeats,
        backlog=backlog,
        appender=appender,
        ingest=ingest,
        sealer=Sealer(store.engine, backlog, appender, writer),
        rule_book=rule_book,
        silence=silence,
        deliveries=Deliveries(
            rule_book,
            parse_smtp_url(config.smtp_url) if config.smtp_url else None,
            private_webhooks=config.alert_private_webhooks,
        ),
        authentication=authentication,
        limits=limits,
        audit=audit,
        calls=CallInterceptor(authentication, limits, audit),
        files=FileThreads(),
    )


def _make_feed(engine: Engine, membership: Membership) -> Feed:
    if not engine.IS_SHARED:
        return Feed()
    return SharedFeed(engine, membership, ChangeCodec(encode_changes, decode_changes))
