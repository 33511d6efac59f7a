"""The test vectors of docs/spool.md, in `tests/vectors/spool`, which every client reads.

`index.json` has an entry for each folder: what is in its logs and what a reader makes of it. Run
this file as a program to write them anew; they change only if the format does.
"""

from __future__ import annotations

import json
import shutil
import struct
import zlib
from pathlib import Path
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import Message

from runstream.v1.logging_service_pb2 import BatchError, LogBatchRequest, RunStart, RunUpdate
from runstream.v1.metric_pb2 import MetricTable
from runstream.v1.run_pb2 import FINISHED, Param, RunTag
from runstream.v1.spool_pb2 import SpoolInfo, SpoolRefusal, SpoolTask, SpoolUpload

VECTORS = Path(__file__).parents[1] / "vectors" / "spool"

_RUN = "0123456789abcdef0123456789abcdef"


def batches() -> list[Message]:
    """Return the batches of one run, from its start to its end."""
    start = RunStart(experiment_name="spool", user_id="ada", run_name="kept", start_time=1_000)
    table = MetricTable(
        keys=["loss"], counts=[2], step=[1, 2], timestamp=[1_000, 2_000], value=[0.5, float("nan")]
    )
    return [
        LogBatchRequest(run_id=_RUN, start=start, tags=[RunTag(key="größe", value="日本")]),
        LogBatchRequest(run_id=_RUN, metrics=table, params=[Param(key="lr", value="0.1")]),
        LogBatchRequest(run_id=_RUN, update=RunUpdate(status=FINISHED, end_time=3_000)),
    ]


def tasks() -> list[Message]:
    """Return what is to be done besides."""
    upload = SpoolUpload(run_id=_RUN, path="model/weights.bin", file="5f0c", size=3)
    return [SpoolTask(upload=upload)]


def refusals() -> list[Message]:
    """Return what a server refused."""
    error = BatchError(
        code=3, message="too long", reason="KEY_TOO_LONG", metadata={"field": "params"}
    )
    return [
        SpoolRefusal(error=error, time=4_000, batch=batches()[1].SerializeToString()),
        SpoolRefusal(error=error, time=5_000, task=SpoolTask(upload=tasks()[0].upload)),  # type: ignore[attr-defined]
    ]


def _frame(message: Message) -> bytes:
    payload = message.SerializeToString(deterministic=True)
    length = struct.pack("<I", len(payload))
    return b"RSF1" + length + struct.pack("<I", zlib.crc32(length + payload)) + payload


def _cursor(file: int, offset: int) -> bytes:
    data = b"RSC1" + struct.pack("<QQ", file, offset)
    return data + struct.pack("<I", zlib.crc32(data))


def _describe(messages: list[Message]) -> list[dict[str, Any]]:
    return [
        {
            "payload": message.SerializeToString(deterministic=True).hex(),
            "json": json_format.MessageToDict(message),
        }
        for message in messages
    ]


class _Vectors:
    def __init__(self) -> None:
        self.entries: list[dict[str, Any]] = []

    def add(
        self,
        name: str,
        says: str,
        files: dict[str, bytes],
        messages: list[Message],
        log: str = "batches",
        message_type: str = "LogBatchRequest",
        start: tuple[int, int] = (1, 0),
        damaged: list[tuple[int, int, int, bool]] | None = None,
    ) -> None:
        for path, data in files.items():
            target = VECTORS / name / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        self.entries.append(
            {
                "name": name,
                "says": says,
                "log": f"{name}/{log}",
                "type": f"runstream.v1.{message_type}",
                "start": {"file": start[0], "offset": start[1]},
                "frames": _describe(messages),
                "damaged": [
                    {"file": file, "offset": offset, "size": size, "cut": is_cut}
                    for file, offset, size, is_cut in damaged or []
                ],
            }
        )


def write() -> None:
    """Write all vectors."""
    shutil.rmtree(VECTORS, ignore_errors=True)
    VECTORS.mkdir(parents=True)
    vectors, said = _Vectors(), batches()
    first, second, third = map(_frame, said)
    one, two = "batches/00000001.log", "batches/00000002.log"
    info = SpoolInfo(
        format=1,
        tracking_uri="grpc://server:50051",
        host="node1",
        process_id=4711,
        program="train.py",
        created=1_000,
    )
    whole = {
        "spool.json": (json_format.MessageToJson(info) + "\n").encode(),
        "writer.lock": b"",
        "delivery.lock": b"",
        one: first + second + third,
    }
    vectors.add("whole", "a folder with one file of three frames", whole, said)
    vectors.add("two_files", "the third frame is in a file of its own",
                {one: first + second, two: third}, said)  # fmt: skip
    vectors.add("no_file", "a log without a file", {"batches/cursor": _cursor(1, 0)}, [])
    vectors.add("empty_file", "a file without a frame", {one: b""}, [])
    cut = len(third) - 5
    vectors.add("cut_tail", "the writer was killed while it wrote the third frame",
                {one: first + second + third[:cut]}, said[:2],
                damaged=[(1, len(first + second), cut, True)])  # fmt: skip
    vectors.add("cut_header", "the writer was killed after six bytes of the third frame",
                {one: first + second + third[:6]}, said[:2],
                damaged=[(1, len(first + second), 6, True)])  # fmt: skip
    vectors.add("zero_tail", "the machine crashed, and the file ends with zeros",
                {one: first + second + b"\0" * 40}, said[:2],
                damaged=[(1, len(first + second), 40, False)])  # fmt: skip
    flipped = bytearray(second)
    flipped[20] ^= 1
    vectors.add("damaged_payload", "a bit of the second frame is another",
                {one: first + bytes(flipped) + third}, [said[0], said[2]],
                damaged=[(1, len(first), len(second), False)])  # fmt: skip
    longer = bytearray(second)
    longer[6] ^= 1
    vectors.add("damaged_length", "the length of the second frame reaches behind the file",
                {one: first + bytes(longer) + third}, [said[0], said[2]],
                damaged=[(1, len(first), len(second), False)])  # fmt: skip
    place = 1, len(first)
    vectors.add("cursor", "the first frame is answered",
                {one: first + second + third, "batches/cursor": _cursor(*place)}, said[1:],
                start=place)  # fmt: skip
    broken = bytearray(_cursor(*place))
    broken[13] ^= 1
    vectors.add("damaged_cursor", "reading starts at the first file there is",
                {two: second + third, "batches/cursor": bytes(broken)}, said[1:],
                start=(2, 0))  # fmt: skip
    vectors.add("tasks", "a file to upload", {"tasks/00000001.log": b"".join(map(_frame, tasks())),
                "files/5f0c": b"abc"}, tasks(), "tasks", "SpoolTask")  # fmt: skip
    vectors.add("refusals", "a batch and a task that were refused",
                {"refused.log": b"".join(map(_frame, refusals()))}, refusals(),
                "refused.log", "SpoolRefusal")  # fmt: skip
    text = json.dumps(vectors.entries, indent=1, ensure_ascii=False)
    (VECTORS / "index.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    write()
