"""Uploads, downloads and lists of artifacts over raw stubs."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from runstream.v1.artifact_pb2 import FileInfo
from runstream.v1.artifact_service_pb2 import (
    DownloadArtifactRequest,
    GetUploadRequest,
    ListArtifactsRequest,
    UploadArtifactRequest,
    UploadEnd,
    UploadStart,
)
from support.api import Api
from support.server_process import ServerProcess

MIB = 1024 * 1024


def start_part(
    run_id: str, path: str, upload_id: str = "", offset: int = 0
) -> UploadArtifactRequest:
    part = UploadStart(run_id=run_id, path=path, upload_id=upload_id, offset=offset)
    return UploadArtifactRequest(start=part)


def chunk_parts(content: bytes) -> Iterator[UploadArtifactRequest]:
    for i in range(0, len(content), MIB):
        yield UploadArtifactRequest(chunk=content[i : i + MIB])


def end_part(content: bytes) -> UploadArtifactRequest:
    return UploadArtifactRequest(end=UploadEnd(sha256=hashlib.sha256(content).hexdigest()))


def upload(
    api: Api, run_id: str, path: str, content: bytes, upload_id: str = "", offset: int = 0
) -> FileInfo:
    """Upload a file, or the part of it after `offset`."""

    def requests() -> Iterator[UploadArtifactRequest]:
        yield start_part(run_id, path, upload_id, offset)
        yield from chunk_parts(content[offset:])
        yield end_part(content)

    return api.artifacts.UploadArtifact(requests(), timeout=60).file


@contextmanager
def half_open(api: Api, *requests: UploadArtifactRequest) -> Iterator[Any]:
    """An upload that has sent these requests and goes on with those put into `more`."""
    more: SimpleQueue[UploadArtifactRequest | None] = SimpleQueue()

    def sent() -> Iterator[UploadArtifactRequest]:
        yield from requests
        yield from iter(more.get, None)

    call: Any = api.artifacts.UploadArtifact.future(sent(), timeout=60)
    call.more = more
    try:
        yield call
    finally:
        more.put(None)
        call.cancel()


def download(api: Api, run_id: str, path: str, offset: int = 0, length: int = 0) -> bytes:
    """Return the bytes of a file, or a part of them."""
    request = DownloadArtifactRequest(run_id=run_id, path=path, offset=offset, length=length)
    first, *rest = api.artifacts.DownloadArtifact(request, timeout=60)
    assert (first.file.path, first.chunk) == (path, b"")
    assert not any(answer.HasField("file") for answer in rest)
    assert all(len(answer.chunk) <= MIB for answer in rest)
    return b"".join(answer.chunk for answer in rest)


def list_pages(
    api: Api, run_id: str, path: str = "", *, recursive: bool = False, size: int = 0
) -> Iterator[list[FileInfo]]:
    """Yield the pages of a list."""
    request = ListArtifactsRequest(run_id=run_id, path=path, recursive=recursive, max_results=size)
    while True:
        page = api.artifacts.ListArtifacts(request)
        yield list(page.files)
        if not page.next_page_token:
            return
        request.page_token = page.next_page_token


def list_paths(api: Api, run_id: str, path: str = "", *, recursive: bool = False) -> list[str]:
    """Return the paths of a list; those of folders end in `/`."""
    files = [f for page in list_pages(api, run_id, path, recursive=recursive) for f in page]
    return [f.path + "/" * f.is_dir for f in files]


def uploaded_bytes(api: Api, run_id: str, upload_id: str, path: str = "f") -> int:
    """Return how many bytes of an upload the server has."""
    question = GetUploadRequest(run_id=run_id, path=path, upload_id=upload_id)
    return api.artifacts.GetUpload(question).offset


def files_below(root: Path) -> list[str]:
    """Return all files below an artifact root."""
    found = (Path(folder, name) for folder, _, names in os.walk(root) for name in names)
    return sorted(str(file.relative_to(root)) for file in found)


def orphan_blob_names(server: ServerProcess) -> list[str]:
    """Return the names of contents that no file refers to."""
    return [name for (name,) in server.query("SELECT name FROM orphan_blob ORDER BY name")]
