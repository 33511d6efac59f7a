"""The settings of one server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple


def is_postgresql(url: str) -> bool:
    """Return whether the URL of a database is that of a PostgreSQL."""
    return url.startswith(("postgresql://", "postgres://"))


class Limits(NamedTuple):
    """The limits of each caller, on each server process unless said otherwise; 0 for none.

    Attributes:
        requests: calls and requests that begin in a second.
        calls: calls and requests that are open at once, and as many streams that log or watch.
        bytes: bytes that arrive in a second.
        watches: those of the calls that are watches.
        artifact_bytes: bytes of artifacts that are stored, on all servers of a database together.
    """

    requests: int = 5_000
    calls: int = 2_000
    bytes: int = 1024 * 1024 * 1024
    watches: int = 500
    artifact_bytes: int = 0


#: Generous ones: they stop a program that has gone wrong, and none that works.
DEFAULT_LIMITS = Limits()


class OidcConfig(NamedTuple):
    """The OpenID provider whose tokens are accepted.

    Attributes:
        issuer: its URL, as its tokens have it.
        client_id: the id of this server there, the audience of ID tokens.
        client_secret_file: the file with the secret of this server there; empty if it has none.
        audiences: other audiences whose tokens are accepted.
        name_claim: the claim with the name of a caller.
        groups_claim: the claim with the groups of a caller.
        writers: groups whose members are writers.
        admins: groups whose members are admins.
    """

    issuer: str
    client_id: str
    client_secret_file: str
    audiences: tuple[str, ...]
    name_claim: str
    groups_claim: str
    writers: tuple[str, ...]
    admins: tuple[str, ...]


@dataclass(frozen=True)
class Config:
    """The settings of one server.

    Attributes:
        database: URL of the database, `sqlite:///relative.db`, `sqlite:////absolute.db` or
            `postgresql://user@host/name`.
        host: interface to listen on.
        port: TCP port to listen on; 0 takes a free one.
        http_port: TCP port of the web interface and the REST API; 0 takes a free one. With None,
            only a server that a client started (`listen`) serves them, once ServeHttp is called.
        tls_cert: file with the certificate of the server for both ports; empty for no TLS.
        tls_key: file with the key of the certificate.
        tls_client_ca: file with the authorities of the certificates of clients; empty if clients
            are not asked for any.
        tls_admins: the names in certificates of clients who are admins.
        insecure: whether to listen on other interfaces than the loopback, although everybody who
            reaches them may do everything.
        allowed_hosts: names under which browsers reach the HTTP port, beside those that are
            always allowed.
        frame_ancestors: origins whose pages may show the web interface in a frame.
        root_path: path below which a proxy shows the HTTP port, such as `/runstream`; or empty.
        trusted_proxies: addresses and networks of proxies whose `X-Forwarded-` headers are
            believed.
        oidc: the OpenID provider whose tokens are accepted, if there is one.
        artifact_root: where artifacts are kept, a folder or `s3://bucket/prefix`; empty for the
            folder `artifacts` beside the file of the database, or in the current folder.
        lost_after: seconds without a heartbeat after which a run is lost; 0 for never.
        query_timeout: seconds that a read may take.
        limits: what each caller may ask for at the most.
        smtp_url: by which e-mail is sent, `smtps://user:password@host:port?from=address`; empty
            for none.
        alert_private_webhooks: whether webhooks of alerts may be on this machine and in private
            networks.
        audit_days: days for which the audit log is kept; 0 for ever.
        log_level: minimum level of the events written to stderr: debug, info, warning or error.
        log_format: `text`, or `json` for a line of JSON for each event.
        listen: gRPC address in place of host and port, such as `unix:/run/runstream.sock`.
        lock_fd: open descriptor that holds the lock of the database already, inherited from the
            client that started this server.
        idle_timeout: seconds without a call or a stream after which the server ends by itself.
        workers: processes that serve these ports together.
        worker: the number of this process among them, from 1; 0 for one that is alone.
        worker_group: the name of the workers of one command, by which they reach each other.
    """

    database: str
    host: str = "127.0.0.1"
    port: int = 50051
    http_port: int | None = None
    tls_cert: str = ""
    tls_key: str = ""
    tls_client_ca: str = ""
    tls_admins: tuple[str, ...] = ()
    insecure: bool = False
    allowed_hosts: tuple[str, ...] = ()
    frame_ancestors: tuple[str, ...] = ()
    root_path: str = ""
    trusted_proxies: tuple[str, ...] = ()
    oidc: OidcConfig | None = None
    artifact_root: str = ""
    lost_after: float = 300.0
    query_timeout: float = 30.0
    limits: Limits = DEFAULT_LIMITS
    smtp_url: str = ""
    alert_private_webhooks: bool = False
    audit_days: int = 365
    log_level: str = "info"
    log_format: str = "text"
    listen: str | None = None
    lock_fd: int | None = None
    idle_timeout: float | None = None
    workers: int = 1
    worker: int = 0
    worker_group: str = ""

    @property
    def names_admins(self) -> bool:
        """Whether somebody is an admin without a token of the API."""
        by_certificate = bool(self.tls_client_ca and self.tls_admins)
        return by_certificate or (self.oidc is not None and bool(self.oidc.admins))


def config_of_worker(settings: Mapping[str, Any], worker: int) -> Config:
    """Return the settings of a worker, from those that were written as JSON."""
    oidc = settings["oidc"]
    tuples = {
        "limits": Limits(*settings["limits"]),
        "oidc": None if oidc is None else OidcConfig(*oidc),
    }
    return Config(**{**settings, **tuples}, worker=worker)
