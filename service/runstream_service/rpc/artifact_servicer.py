"""ArtifactService."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import NamedTuple

from runstream.errors import InvalidArgument, NotFound
from runstream.rules import check_artifact_path, check_sha256, check_upload_id
from runstream.v1 import artifact_service_pb2 as pb
from runstream.v1.artifact_pb2 import FileInfo
from runstream.v1.artifact_service_pb2_grpc import ArtifactServiceServicer
from runstream_service.access.audit import subject_of
from runstream_service.access.caller import Caller
from runstream_service.catalog import artifact_owners, artifacts
from runstream_service.engine.readers import Readers
from runstream_service.files.artifact_store import ArtifactStore
from runstream_service.rpc import messages, page_token
from runstream_service.rpc.call_context import CallContext
from runstream_service.rpc.write_id import write_id

#: The run id in calls about files that belong to no run.
SHARED = artifact_owners.PROXY

#: Files that a page has at most, and those that it has if the request does not say how many.
PAGE_FILES = 10_000
DEFAULT_PAGE_FILES = 1_000


class FileContent(NamedTuple):
    """A file, and the chunks of the part of its content that was asked for."""

    file: FileInfo
    chunks: AsyncGenerator[bytes, None]


class ArtifactServicer(ArtifactServiceServicer):
    """Answers ArtifactService; HTTP stores and opens files by the two methods that are no RPCs."""

    def __init__(self, readers: Readers, store: ArtifactStore) -> None:
        self._readers = readers
        self._store = store

    async def store_file(
        self,
        run_id: str,
        path: str,
        chunks: AsyncIterator[bytes],
        context: CallContext,
        size: int = 0,
    ) -> pb.UploadArtifactResponse:
        """Store a file as UploadArtifact does; its sender names no digest, and cannot resume."""
        check_artifact_path("path", path)
        async with self._store.receive(context.caller, run_id, path, size=size) as incoming:
            async for chunk in chunks:
                await incoming.write(chunk)
            file = await incoming.store()
        return pb.UploadArtifactResponse(file=messages.file_info(file))

    async def open_file(
        self,
        run_id: str,
        path: str,
        choose_range: Callable[[FileInfo], tuple[int, int]],
        context: CallContext,
    ) -> FileContent:
        """Return a file and a part of its content, as DownloadArtifact sends them.

        Args:
            run_id: the run or model that has the file.
            path: path of the file.
            choose_range: returns where the part begins and ends; it is called again if the file
                is replaced meanwhile.
            context: the call that asks for it.
        """
        check_artifact_path("path", path)
        opened = await self._store.contents.open(
            context.caller, run_id, path, lambda file: choose_range(messages.file_info(file))
        )
        return FileContent(messages.file_info(opened.file), opened.chunks)

    async def UploadArtifact(
        self, request_iterator: AsyncIterator[pb.UploadArtifactRequest], context: CallContext
    ) -> pb.UploadArtifactResponse:
        requests = _UploadRequests(request_iterator)
        start = await requests.start()
        context.name_subject(subject_of(start))
        check_artifact_path("start.path", start.path)
        if start.upload_id:
            check_upload_id("start.upload_id", start.upload_id)
        upload = (start.run_id, start.path, start.upload_id, start.offset, start.size)
        async with self._store.receive(context.caller, *upload) as incoming:
            async for chunk in requests.chunks():
                await incoming.write(chunk)
            file = await incoming.store(requests.sha256)
        return pb.UploadArtifactResponse(file=messages.file_info(file))

    async def GetUpload(
        self, request: pb.GetUploadRequest, context: CallContext
    ) -> pb.GetUploadResponse:
        check_upload_id("upload_id", request.upload_id)
        check_artifact_path("path", request.path)
        if not request.run_id:
            raise InvalidArgument(
                "Missing value for required parameter 'run_id'",
                reason="RUN_ID_EMPTY",
                field="run_id",
            )
        offset = await self._store.upload_offset(
            context.caller, request.run_id, request.path, request.upload_id
        )
        return pb.GetUploadResponse(offset=offset)

    async def DownloadArtifact(
        self, request: pb.DownloadArtifactRequest, context: CallContext
    ) -> AsyncIterator[pb.DownloadArtifactResponse]:
        opened = await self.open_file(
            request.run_id,
            request.path,
            lambda file: _byte_range(request, file.file_size),
            context,
        )
        yield pb.DownloadArtifactResponse(file=opened.file)
        async with aclosing(opened.chunks) as chunks:
            async for chunk in chunks:
                yield pb.DownloadArtifactResponse(chunk=chunk)

    async def GetArtifact(
        self, request: pb.GetArtifactRequest, context: CallContext
    ) -> pb.GetArtifactResponse:
        check_artifact_path("path", request.path)
        found = await self._readers.quick(
            artifacts.get, context.caller, request.run_id, request.path
        )
        return pb.GetArtifactResponse(file=messages.file_info(found))

    async def ListArtifacts(
        self, request: pb.ListArtifactsRequest, context: CallContext
    ) -> pb.ListArtifactsResponse:
        if request.path:
            check_artifact_path("path", request.path)
        page_token.check_page_size(request.max_results, PAGE_FILES)
        query = (request.run_id, request.path, request.recursive, context.caller.name)
        position = page_token.decode_page_token(query, request.page_token, 1)
        start = position[0] if position else ""
        return await self._readers.page(_list_page, context.caller, request, query, start)

    async def DeleteArtifacts(
        self, request: pb.DeleteArtifactsRequest, context: CallContext
    ) -> pb.DeleteArtifactsResponse:
        if request.path:
            check_artifact_path("path", request.path)
        write = write_id(request.write)
        deleted = await self._store.delete(context.caller, request.run_id, request.path, write)
        if not deleted and request.path:
            raise NotFound(
                f"No artifact with path: {request.path}",
                reason="ARTIFACT_NOT_FOUND",
                field="path",
                value=request.path,
            )
        return pb.DeleteArtifactsResponse()


def _list_page(
    caller: Caller, request: pb.ListArtifactsRequest, query: tuple[str, str, bool, str], start: str
) -> pb.ListArtifactsResponse:
    limit = request.max_results or DEFAULT_PAGE_FILES
    page = artifacts.list_folder(caller, *query[:3], start, limit)
    return pb.ListArtifactsResponse(
        root_uri=page.root_uri,
        files=[messages.file_info(entry) for entry in page.entries],
        next_page_token=page_token.encode_page_token(query, [page.next]) if page.next else "",
    )


class _UploadRequests:
    """The requests of an upload, which must come in their order: start, chunks, end.

    Attributes:
        sha256: the digest in the end message, once `chunks` has ended.
    """

    def __init__(self, requests: AsyncIterator[pb.UploadArtifactRequest]) -> None:
        self._requests = requests
        self.sha256 = ""

    async def start(self) -> pb.UploadStart:
        async for request in self._requests:
            if request.WhichOneof("part") == "start":
                return request.start
            break
        raise _out_of_order_error("an upload begins with a start")

    async def chunks(self) -> AsyncIterator[bytes]:
        async for request in self._requests:
            part = request.WhichOneof("part")
            if part == "end":
                check_sha256("end.sha256", request.end.sha256)
                self.sha256 = request.end.sha256
                return
            if part != "chunk":
                raise _out_of_order_error("after the start come chunks and then the end")
            yield request.chunk
        raise _out_of_order_error("the stream ended before the end of the upload")


def _byte_range(request: pb.DownloadArtifactRequest, size: int) -> tuple[int, int]:
    for field, value, limit in (
        ("offset", request.offset, f"0 to {size}"),
        ("length", request.length, "0 or more"),
    ):
        if value < 0 or (field == "offset" and value > size):
            raise InvalidArgument(
                f"Invalid value {value} for parameter '{field}' supplied: "
                f"the file has {size} bytes, it must be {limit}",
                reason="RANGE_OUTSIDE",
                field=field,
                value=value,
                limit=limit,
            )
    length = request.length or size
    return request.offset, min(size, request.offset + length)


def _out_of_order_error(message: str) -> InvalidArgument:
    return InvalidArgument(
        f"the requests are out of order: {message}",
        reason="UPLOAD_OUT_OF_ORDER",
        field="part",
        limit="start, then chunks, then end",
    )
