"""The messages of a `.wandb` file, with those of their fields that an import reads.

The numbers of the fields are those of W&B's records.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from google.protobuf.message import DecodeError

from runstream.importing.declared_messages import make_message_classes

_MESSAGES = {
    "Time": "seconds:int64:1 nanos:int32:2",
    "Item": "key:string:1 nested_key:string*:2 value_json:string:16",
    "Step": "num:int64:1",
    # Items are bytes: each row of the history has many, which are read one by one when needed.
    "History": "item:bytes*:1 step:Step:2",
    "Update": "update:bytes*:1 remove:bytes*:2",  # of the config and of the summary
    "Stats": "timestamp:Time:2 item:Item*:3",
    "Output": "output_type:int32:1 timestamp:Time:2 line:string:3",  # 0 is stderr, 1 stdout
    "Git": "remote_url:string:1 commit:string:2",
    "BranchPoint": "run:string:1 value:double:2 metric:string:3",
    "Run": (
        "run_id:string:1 entity:string:2 project:string:3 config:Update:4 summary:Update:5 "
        "run_group:string:6 job_type:string:7 display_name:string:8 notes:string:9 "
        "tags:string*:10 sweep_id:string:12 host:string:13 starting_step:int64:14 "
        "start_time:Time:17 resumed:bool:18 git:Git:21 forked:bool:22 "
        "branch_point:BranchPoint:23"
    ),
    "Environment": (
        "os:string:1 python:string:2 args:string*:5 program:string:6 code_path:string:7 "
        "git:Git:9 email:string:10 host:string:12 username:string:13"
    ),
    "MetricSummary": "min:bool:1 max:bool:2 mean:bool:3 best:bool:4 last:bool:5 none:bool:6",
    "Metric": (
        "name:string:1 glob_name:string:2 step_metric:string:4 step_metric_index:int32:5 "
        "summary:MetricSummary:7"
    ),
    "ManifestEntry": "path:string:1 ref:string:3 size:int64:4 local_path:string:6",
    "Manifest": "contents:ManifestEntry*:4 manifest_file_path:string:5",
    "Artifact": "type:string:4 name:string:5 aliases:string*:11 manifest:Manifest:12",
    "UsedArtifact": "id:string:1 type:string:2 name:string:3",
    "Exit": "exit_code:int32:1 runtime:int32:2",
    "TensorBoard": "log_dir:string:1",
    "Alert": "title:string:1",
    "Record": (
        "history:History:2 summary:Update:3 output:Output:4 config:Update:5 stats:Stats:7 "
        "artifact:Artifact:8 tbrecord:TensorBoard:9 alert:Alert:10 metric:Metric:12 "
        "output_raw:Output:13 run:Run:17 exit:Exit:18 use_artifact:UsedArtifact:25 "
        "environment:Environment:26"
    ),
}

#: Field numbers of `Record`.
HISTORY, OUTPUT, STATS, OUTPUT_RAW = 2, 4, 7, 13

# Of `Record`: its number, and of W&B's own control, uuid and _info; the type of the last three.
_OWN_FIELDS = frozenset({1, 16, 19, 200})
_BYTES = 2

#: What is before the value of an item and its length: the tag of field 16, of bytes.
VALUE_TAG = b"\x82\x01"


def message_class(name: str) -> Any:
    """Return the class of a message by its name above."""
    return _classes()[name]


def read_message(name: str, content: bytes) -> Any:
    """Return a message.

    Raises:
        ValueError: the bytes are none.
    """
    try:
        return message_class(name).FromString(content)
    except DecodeError as error:
        raise ValueError(f"{content[:20]!r}... is no message {name} of W&B: {error}") from None


@cache
def _classes() -> dict[str, Any]:
    return make_message_classes("runstream.importing.wandb", _MESSAGES)


def record_kind(record: bytes) -> int:
    """Return the field number of what a record is about, without reading the record.

    Its number and what else it has of W&B's own may be before that.
    """
    position = 0
    while position < len(record):
        tag, position = _read_varint(record, position)
        if tag >> 3 not in _OWN_FIELDS:
            return tag >> 3
        length, position = _read_varint(record, position)
        if tag & 7 == _BYTES:
            position += length
    return 0


def _read_varint(data: bytes, position: int) -> tuple[int, int]:
    """Return a number and the position behind it."""
    number = shift = 0
    while position < len(data):
        byte = data[position]
        number |= (byte & 0x7F) << shift
        position += 1
        if byte < 0x80:
            break
        shift += 7
    return number, position


def split_item(item: bytes) -> tuple[bytes, bytes]:
    """Return the key of an item and the text of its value.

    The key is as it stands in the item: `read_path` reads it. Equal keys are equal bytes.
    """
    key, _, rest = item.rpartition(VALUE_TAG)
    if rest and rest[0] + 1 == len(rest):  # a value of less than 128 bytes, as most are
        return key, rest[1:]
    whole = read_message("Item", item)
    value = whole.value_json.encode()
    whole.ClearField("value_json")
    return whole.SerializeToString(), value


def read_path(key: bytes) -> list[str]:
    """Return the names that lead to a value, of the key of an item."""
    item = read_message("Item", key)
    return list(item.nested_key) or [item.key]
