"""What those who operate the workers of one port ask them: whichever is asked, all answer.

A request on the port reaches any of the workers, so a page of metrics would be that of another
worker each time. Each worker therefore listens for the others on a Unix socket in the abstract
namespace of Linux, which needs no folder and is gone with its process. A question is one line, and
the answer all that comes until the connection ends.
"""

from __future__ import annotations

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import closing, suppress

from runstream_service.config import Config
from runstream_service.engine.readiness import COMMIT_SECONDS
from runstream_service.http.operation import Operation

#: Seconds within which a worker has to answer another one.
ANSWER_SECONDS = COMMIT_SECONDS + 0.5


async def operate_jointly(config: Config, own: Operation) -> Operation:
    """Answer the other workers from now on; return what answers for all of them.

    Args:
        config: the settings of this worker.
        own: what answers for this worker alone.
    """

    async def render_own_metrics() -> str:
        return (await own.render_metrics(""))[0].decode()

    async def unready_reason() -> str:
        for number, reason in (await workers.ask("ready")).items():
            if reason:
                return f"worker {number}: {reason}"
            if reason is None:
                return f"worker {number} does not answer"
        return ""

    async def render_metrics(accept: str) -> tuple[bytes, str]:
        # Imported when it is needed, as the page of one worker is.
        from runstream_service.metrics.joint_page import join_pages

        answers = await workers.ask("metrics")
        pages = {number: page for number, page in answers.items() if page is not None}
        return await asyncio.to_thread(join_pages, pages, accept)

    workers = _Workers(config, {"ready": own.unready_reason, "metrics": render_own_metrics})
    await workers.listen()
    return own._replace(unready_reason=unready_reason, render_metrics=render_metrics)


class _Workers:
    """The workers of one port, this one among them."""

    def __init__(self, config: Config, answers: Mapping[str, Callable[[], Awaitable[str]]]) -> None:
        """Prepare.

        Args:
            config: the settings of this worker.
            answers: its answers, by question.
        """
        self._config = config
        self._answers = answers

    async def listen(self) -> None:
        """Answer the other workers, until the process ends."""
        address = self._address(self._config.worker)
        self._server = await asyncio.start_unix_server(self._answer, address)

    async def ask(self, question: str) -> dict[int, str | None]:
        """Return the answer of each worker that is there, or None if it gives none."""
        numbers = range(1, self._config.workers + 1)
        asked = await asyncio.gather(*(self._connect(number) for number in numbers))
        there = {number: ends for number, ends in zip(numbers, asked, strict=True) if ends}
        answers = await asyncio.gather(*(_exchange(question, *ends) for ends in there.values()))
        return dict(zip(there, answers, strict=True))

    async def _connect(self, number: int) -> tuple[StreamReader, StreamWriter] | None:
        """Return a connection; None if the worker is not there, or is only starting."""
        with suppress(OSError):
            return await asyncio.open_unix_connection(self._address(number))
        return None

    async def _answer(self, reader: StreamReader, writer: StreamWriter) -> None:
        with closing(writer), suppress(OSError, ValueError, asyncio.TimeoutError):
            question = await asyncio.wait_for(reader.readline(), ANSWER_SECONDS)
            answer = self._answers.get(question.decode().strip())
            if answer is not None:
                writer.write((await answer()).encode())
                await asyncio.wait_for(writer.drain(), ANSWER_SECONDS)

    def _address(self, number: int) -> str:
        return f"\0{self._config.worker_group}/{number}"


async def _exchange(question: str, reader: StreamReader, writer: StreamWriter) -> str | None:
    with closing(writer), suppress(OSError, asyncio.TimeoutError):
        writer.write(f"{question}\n".encode())
        return (await asyncio.wait_for(reader.read(), ANSWER_SECONDS)).decode()
    return None
