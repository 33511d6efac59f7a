"""Tracking URIs: where runs are logged to, in the forms that people write.

    grpc://host:port          a server, or all that the name stands for
    grpc://a:port,b:port      several servers that have the same runs
    grpcs://host:port         the same, over TLS
    unix:path                 a server on a Unix socket
    sqlite:///relative.db     an SQLite file, served by whoever serves it already or else by a
    sqlite:////absolute.db    server that this client starts (runstream.transport.embedded)
    runs.db                   the same, as a path
    offline:folder            no server: what is logged stays in a folder, for `runstream sync`

The part after `sqlite:///`, `unix:` or `offline:` is a path as it stands: nothing in it is escaped,
but a `~` in front is the home folder, which no shell puts there inside of a URI.
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass

from runstream.errors import InvalidArgument
from runstream.files.own_files import check_own

_FORMS = (
    "grpc://host:port, grpc://host:port,host:port, grpcs://host:port, unix:path, "
    "sqlite:///relative.db, sqlite:////absolute.db, offline:folder or the path of an SQLite file"
)
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_HOST_AND_PORT = r"(?:[\w.-]+|\[[0-9A-Fa-f:.]+\]):\d{1,5}"
_BARE_SERVERS = re.compile(f"{_HOST_AND_PORT}(?:,{_HOST_AND_PORT})*/?", re.ASCII)
_SERVERS = re.compile(f"//({_BARE_SERVERS.pattern})", re.ASCII)

_PASSWORD = re.compile("(//[^/:@]*):[^/]*@")

#: Servers that a tracking URI may name.
MAX_SERVERS = 16

_VARIABLE = "RUNSTREAM_TRACKING_URI"

# What `pin_default` put into the environment in place of nothing.
_pinned_default: str | None = None

# What `pin_default` returned last: in the environment, this is good as it is.
_pinned: str | None = None


@dataclass(frozen=True)
class Target:
    """The target of a tracking URI.

    Attributes:
        uri: the URI with its path absolute, so that it holds in any directory.
        addresses: what gRPC dials, such as `127.0.0.1:50051` or `unix:/path`; none for an
            SQLite file, whose server is found by `embedded.ensure_server`.
        secure: whether the connection is TLS.
        database: absolute path of the SQLite file; None for a server that is named directly.
        offline_folder: absolute path of the spool in which everything stays; None if there is a
            server.
    """

    uri: str
    addresses: tuple[str, ...] = ()
    secure: bool = False
    database: str | None = None
    offline_folder: str | None = None


def default() -> str:
    """Return `RUNSTREAM_TRACKING_URI`, or `runstream.db` in the current directory."""
    return os.environ.get(_VARIABLE) or "sqlite:///runstream.db"


def pin_default() -> str:
    """Return `default()` as an absolute URI, and put it into the environment.

    So it means the same from now on: after a change of the directory, and in processes that this
    one starts.

    Raises:
        InvalidArgument: it is in none of the forms above.
    """
    global _pinned_default, _pinned
    given = os.environ.get(_VARIABLE)
    if given and given == _pinned:
        return given
    uri = parse(None).uri
    if not given:
        _pinned_default = uri
    if given != uri:
        os.environ[_VARIABLE] = uri
    _pinned = uri
    return uri


def set_default(uri: str | os.PathLike[str]) -> bool:
    """Put a tracking URI into the environment; return whether it names another place than before.

    Raises:
        InvalidArgument: it is in none of the forms above.
    """
    global _pinned_default
    chosen = parse(uri).uri
    changes = chosen != os.environ.get(_VARIABLE)
    os.environ[_VARIABLE] = chosen
    _pinned_default = None
    return changes


def is_default_set() -> bool:
    """Return whether somebody chose a tracking URI, and it is not the file in this directory."""
    return bool(os.environ.get(_VARIABLE)) and is_chosen(os.environ[_VARIABLE])


def is_chosen(uri: str) -> bool:
    """Return whether somebody chose this URI, so that it does not stand in place of nothing."""
    return uri != _pinned_default


def default_offline_folder() -> str | None:
    """Return the folder of `default()` if that names no server; None if it names one.

    Raises:
        InvalidArgument: it names no folder.
    """
    uri = default()
    return _offline(uri).offline_folder if uri.lower().startswith("offline:") else None


def parse(uri: str | os.PathLike[str] | None) -> Target:
    """Return the target of a tracking URI; None stands for `default()`.

    A string that begins like a URI is one; a `Path` never is.

    Raises:
        InvalidArgument: it is in none of the forms above.
    """
    if isinstance(uri, os.PathLike):
        return _file(uri, os.fspath(uri))
    text = default() if uri is None else uri
    if _BARE_SERVERS.fullmatch(text):
        raise _malformed_error(
            text, f"a server is named grpc://{text.rstrip('/')}, a file of this name ./{text}"
        )
    scheme = _SCHEME.match(text)
    if scheme is None:
        return _file(text, text)
    match scheme[1].lower():
        case "grpc" | "grpcs" as name:
            return _server(text, name)
        case "unix":
            return _socket(text)
        case "offline":
            return _offline(text)
        case "sqlite":
            if not text.lower().startswith("sqlite:///"):
                raise _malformed_error(text, "an SQLite URL has three slashes before the path")
            return _file(text, text[len("sqlite:///") :])
        case other:
            raise _foreign_scheme_error(text, other)


def _server(uri: str, scheme: str) -> Target:
    servers = _SERVERS.fullmatch(uri, len(scheme) + 1)
    addresses = []
    for server in servers[1].rstrip("/").split(",") if servers else ():
        host, _, port = server.rpartition(":")
        if not 0 < int(port) < 65536:
            servers = None
        addresses.append(f"{host.lower()}:{int(port)}")
    if servers is None:
        raise _malformed_error(
            uri,
            "after the slashes there must be a host and a port, or several with commas between, "
            "and nothing else",
        )
    if len(addresses) > MAX_SERVERS:
        raise _malformed_error(
            uri, f"it names {len(addresses)} servers, and {MAX_SERVERS} are the most"
        )
    for address in addresses:
        if addresses.count(address) > 1:
            raise _malformed_error(uri, f"it names {address} twice")
    return Target(f"{scheme}://{','.join(addresses)}", tuple(addresses), secure=scheme == "grpcs")


def _socket(uri: str) -> Target:
    path = uri[len("unix:") :]
    if path.startswith("//") and not path.startswith("///"):
        raise _malformed_error(uri, "after unix:// there must be an absolute path")
    if not path.strip("/"):
        raise _malformed_error(uri, "it needs the path of a socket")
    address = f"unix:{os.path.abspath(os.path.expanduser(path))}"
    return Target(address, (address,))


def _offline(uri: str) -> Target:
    path = uri[len("offline:") :]
    if path.startswith("//") and not path.startswith("///"):
        raise _malformed_error(uri, "after offline:// there must be an absolute path")
    if not path.strip("/"):
        raise _malformed_error(uri, "it needs the path of a folder")
    folder = os.path.abspath(os.path.expanduser(path))
    if os.path.exists(folder) and not os.path.isdir(folder):
        raise _malformed_error(uri, "this is no folder")
    return Target(f"offline:{folder}", offline_folder=folder)


def _file(uri: object, path: str) -> Target:
    if path in {"", ":memory:"}:
        raise _malformed_error(uri, "runs are kept in a file")
    try:
        if os.path.islink(path):
            check_own(path, stat.S_IFLNK)
    except OSError as error:
        raise _malformed_error(uri, str(error)) from None
    # Symbolic links are resolved, because the lock lies beside the real file.
    database = os.path.realpath(os.path.expanduser(path))
    if path.endswith("/") or os.path.isdir(database):
        raise _malformed_error(uri, "this is a folder")
    return Target(f"sqlite:///{database}", database=database)


def _foreign_scheme_error(uri: str, scheme: str) -> InvalidArgument:
    if scheme in ("http", "https"):
        return _malformed_error(uri, "Runstream's clients speak gRPC, not HTTP")
    if scheme in ("postgresql", "postgres"):
        return _malformed_error(
            _PASSWORD.sub(r"\1@", uri.partition("?")[0]),  # its parameters may have one, too
            "clients reach a PostgreSQL by a server of it, which "
            "`runstream server --database` starts",
        )
    return _malformed_error(uri)


def _malformed_error(uri: object, reason: str = "") -> InvalidArgument:
    return InvalidArgument(
        f"Tracking URI {str(uri)!r} is not understood{reason and ': '}{reason}. Use {_FORMS}",
        reason="TRACKING_URI_MALFORMED",
        field="tracking_uri",
        value=uri,
        limit=_FORMS,
    )
