"""WatchService."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from runstream.contract.wire_columns import WatchResponse
from runstream.errors import InvalidArgument, server_stopping_error
from runstream.v1 import watch_service_pb2 as pb
from runstream.v1.watch_service_pb2_grpc import WatchServiceServicer
from runstream_service.access.caller import Caller
from runstream_service.access.limits import CallerLimits
from runstream_service.access.recheck import RECHECK_SECONDS, Recheck
from runstream_service.catalog import experiments, runs
from runstream_service.engine.readers import Readers
from runstream_service.live.commits import RunChanges, format_position
from runstream_service.live.feed import Feed, Watcher
from runstream_service.rpc.admission import LARGE_BYTES
from runstream_service.rpc.call_context import CallContext
from runstream_service.rpc.run_changes import SizedMessage, run_change_messages

#: Runs, or experiments, that one call may name.
MAX_NAMED = 1_000

#: Bytes of changes after which an answer is sent, however many changes wait.
ANSWER_BYTES = 64 * 1024

#: Bytes of answers that are on their way to all watchers together. This is half of the bytes for
#: all callers (`Answers`), so that watchers who do not read leave room for others.
SENDING_BYTES = 64 * 1024 * 1024

# Seconds after which a watcher gets the position if there is no change to send.
_POSITION_SECONDS = 1.0

# Seconds between two looks whether a caller may still watch, while there is nothing to tell them.
_IDLE_RECHECK_SECONDS = 10.0

# Seconds between two small answers to a watcher, for each watcher there is: sending one takes a
# third of that, so all watchers together leave two thirds of the event loop to those who log.
_PAUSE = 0.0003

# Bytes of an answer that takes no longer than an empty one.
_SMALL = 16 * 1024


class WatchServicer(WatchServiceServicer):
    def __init__(self, readers: Readers, feed: Feed, limits: CallerLimits) -> None:
        self._readers = readers
        self._feed = feed
        self._limits = limits
        self._commits = feed.commits
        self._is_stopping = False
        self._sending_bytes = 0
        self._turn = asyncio.Lock()

    async def GetPosition(
        self, request: pb.GetPositionRequest, context: CallContext
    ) -> pb.GetPositionResponse:
        await self._feed.catch_up()
        return pb.GetPositionResponse(position=format_position(self._commits.seen))

    async def Watch(self, request: pb.WatchRequest, context: CallContext) -> AsyncIterator[Any]:
        caller = context.caller
        with self._limits.use_of(caller).watching():
            named = (caller, request.run_ids, request.experiment_ids)
            watched, owners = await self._readers.page(_find_named, *named)
            recheck = Recheck(caller)
            await self._feed.catch_up()
            position = request.position or format_position(self._commits.seen)
            watcher = self._feed.subscribe(*watched, self._commits.parse_position(position))
            try:
                yield WatchResponse(position=position)
                while not self._is_stopping:
                    await watcher.wait(_POSITION_SECONDS)
                    pause = RECHECK_SECONDS if watcher.pending else _IDLE_RECHECK_SECONDS
                    if recheck.is_due(pause) and not await self._readers.quick(
                        experiments.are_visible, caller, owners
                    ):
                        # It raises for what the call names, as when that is not there.
                        await self._readers.page(_find_named, *named)
                    answer, size = await self._next_answer(watcher)
                    if request.run_ids and answer is not None and _tells_of_move(answer):
                        _, owners = await self._readers.page(_find_named, *named)
                    if answer is not None:
                        with self._count_as_sending(size, watcher):
                            yield answer
                        await asyncio.sleep(
                            _PAUSE * self._feed.count_watchers() * max(1, size / _SMALL)
                        )
            finally:
                self._feed.unsubscribe(watcher)
        raise server_stopping_error()

    def stop_watching(self) -> None:
        """End every watch."""
        self._is_stopping = True
        self._feed.wake_all()

    @contextmanager
    def _count_as_sending(self, size: int, watcher: Watcher) -> Iterator[None]:
        """Count an answer until its watcher has taken it."""
        if self._sending_bytes + size > SENDING_BYTES:
            raise self._commits.fell_behind_error(
                watcher.seen, "too much is on its way to slow watchers"
            )
        self._sending_bytes += size
        try:
            yield
        finally:
            self._sending_bytes -= size

    async def _run_messages(self, run: RunChanges) -> list[SizedMessage]:
        """Return the changes of a run as messages, which are made once for all watchers."""
        if run.encoded is None and run.size > LARGE_BYTES:
            if run.encoding is None:
                run.encoding = asyncio.ensure_future(asyncio.to_thread(run_change_messages, run))
            await asyncio.shield(run.encoding)
        return run_change_messages(run)

    async def _next_answer(self, watcher: Watcher) -> tuple[Any, int]:
        """Return what `_answer` does, and its bytes, when it is the turn of the watcher."""
        async with self._turn:
            answer = await self._answer(watcher)
            size = 0 if answer is None else answer.ByteSize()
            if size > _SMALL:
                await asyncio.sleep(0)  # calls that are no watches get their turn
        return answer, size

    async def _answer(self, watcher: Watcher) -> Any:
        """Return the next answer to the watcher, None if there is none.

        It has changes of one commit or of several.
        """
        answer, size = WatchResponse(), 0
        while watcher.pending:
            commit = watcher.next_commit()
            changes: list[SizedMessage] = []
            for run in watcher.watched_changes(commit.runs):
                changes += await self._run_messages(run)
            # A commit that is not too large for it is told by one answer, so that it is told once,
            # also if the watch goes on from the position of another answer.
            if size and size + sum(change.size for change in changes) > ANSWER_BYTES:
                break
            for change in changes[watcher.sent :]:
                if size and size + change.size > ANSWER_BYTES:
                    break
                answer.changes.append(change.message)
                size += change.size
                watcher.sent += 1
            if watcher.sent < len(changes):
                break
            watcher.mark_seen(commit)
        else:
            if not watcher.mark_all_seen() and not size:
                return None
        answer.position = format_position(watcher.seen)
        return answer


def _tells_of_move(answer: Any) -> bool:
    return any(change.moved_from for change in answer.changes)


def _find_named(
    caller: Caller, run_ids: Sequence[str], experiment_ids: Sequence[str]
) -> tuple[tuple[set[str], set[int]], set[int]]:
    """Return the runs and experiments that a call names, and all experiments that they are of.

    Raises:
        NotFound: one is not there, or the caller does not see it.
    """
    if not run_ids and not experiment_ids:
        raise InvalidArgument(
            "Missing value for required parameter 'run_ids' or 'experiment_ids'",
            reason="NOTHING_NAMED",
            field="run_ids",
            limit="at least one run or experiment",
        )
    for field, ids in (("run_ids", run_ids), ("experiment_ids", experiment_ids)):
        if len(ids) > MAX_NAMED:
            raise InvalidArgument(
                f"{field} has {len(ids)} entries, the limit is {MAX_NAMED}",
                reason="TOO_MANY_IDS",
                field=field,
                value=len(ids),
                limit=MAX_NAMED,
            )
    found = [runs.get(caller, run_id) for run_id in run_ids]
    of = {experiments.get(caller, experiment_id).id for experiment_id in experiment_ids}
    return ({run.uuid for run in found}, of), of | {run.experiment_id for run in found}
