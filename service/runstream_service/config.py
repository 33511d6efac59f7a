"""The settings of one server."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Config:
    """The settings of one server.

    Attributes:
        database: URL of the database, `sqlite:///relative.db` or `sqlite:////absolute.db`.
        host: interface to listen on.
        port: TCP port to listen on; 0 takes a free one.
        http_port: TCP port of the web interface and the REST API; 0 takes a free one. With None,
            only a server that a client started (`listen`) serves them, once ServeHttp is called.
        allowed_hosts: names under which browsers reach the HTTP port, beside those that are
            always allowed.
        artifact_root: where artifacts are kept, a folder or `s3://bucket/prefix`.
        lost_after: seconds without a heartbeat after which a run is lost; 0 for never.
        log_level: minimum level of the events written to stderr: debug, info, warning or error.
        listen: gRPC address in place of host and port, such as `unix:/run/runstream.sock`.
        lock_fd: open descriptor that holds the lock of the database already, inherited from the
            client that started this server.
        idle_timeout: seconds without a call or a stream after which the server ends by itself.
    """

    database: str
    host: str = "127.0.0.1"
    port: int = 50051
    http_port: int | None = None
    allowed_hosts: tuple[str, ...] = ()
    artifact_root: str = "artifacts"
    lost_after: float = 300.0
    log_level: str = "info"
    listen: str | None = None
    lock_fd: int | None = None
    idle_timeout: float | None = None
