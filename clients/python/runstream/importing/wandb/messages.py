"""The messages of a `.wandb` file, with those of their fields that an import reads.

The numbers of the fields are those of W&B's records. The classes are in a pool of their own, so
that W&B itself may be loaded in the same process.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

_PACKAGE = "runstream_import_wandb"

_SCALARS = {
    "bool": descriptor_pb2.FieldDescriptorProto.TYPE_BOOL,
    "bytes": descriptor_pb2.FieldDescriptorProto.TYPE_BYTES,
    "double": descriptor_pb2.FieldDescriptorProto.TYPE_DOUBLE,
    "int32": descriptor_pb2.FieldDescriptorProto.TYPE_INT32,
    "int64": descriptor_pb2.FieldDescriptorProto.TYPE_INT64,
    "string": descriptor_pb2.FieldDescriptorProto.TYPE_STRING,
    "uint32": descriptor_pb2.FieldDescriptorProto.TYPE_UINT32,
}

# Of each message its fields: number, type and name; `*` stands for a repeated one.
_MESSAGES = {
    "Time": "1 int64 seconds, 2 int32 nanos",
    "Item": "1 string key, 2 *string nested_key, 16 string value_json",
    "Step": "1 int64 num",
    # Items are bytes: each row of the history has many, which are read one by one when needed.
    "History": "1 *bytes item, 2 Step step",
    "Update": "1 *bytes update, 2 *bytes remove",  # of the config and of the summary
    "Stats": "2 Time timestamp, 3 *Item item",
    "Output": "1 int32 output_type, 2 Time timestamp, 3 string line",  # 0 is stderr, 1 stdout
    "Git": "1 string remote_url, 2 string commit",
    "BranchPoint": "1 string run, 2 double value, 3 string metric",
    "Run": (
        "1 string run_id, 2 string entity, 3 string project, 4 Update config, 5 Update summary, "
        "6 string run_group, 7 string job_type, 8 string display_name, 9 string notes, "
        "10 *string tags, 12 string sweep_id, 13 string host, 14 int64 starting_step, "
        "17 Time start_time, 18 bool resumed, 21 Git git, 22 bool forked, "
        "23 BranchPoint branch_point"
    ),
    "Environment": (
        "1 string os, 2 string python, 5 *string args, 6 string program, 7 string code_path, "
        "9 Git git, 10 string email, 12 string host, 13 string username"
    ),
    "MetricSummary": "1 bool min, 2 bool max, 3 bool mean, 4 bool best, 5 bool last, 6 bool none",
    "Metric": (
        "1 string name, 2 string glob_name, 4 string step_metric, 5 int32 step_metric_index, "
        "7 MetricSummary summary"
    ),
    "ManifestEntry": "1 string path, 3 string ref, 4 int64 size, 6 string local_path",
    "Manifest": "4 *ManifestEntry contents, 5 string manifest_file_path",
    "Artifact": "4 string type, 5 string name, 11 *string aliases, 12 Manifest manifest",
    "UsedArtifact": "1 string id, 2 string type, 3 string name",
    "Exit": "1 int32 exit_code, 2 int32 runtime",
    "TensorBoard": "1 string log_dir",
    "Alert": "1 string title",
    "Record": (
        "2 History history, 3 Update summary, 4 Output output, 5 Update config, 7 Stats stats, "
        "8 Artifact artifact, 9 TensorBoard tbrecord, 10 Alert alert, 12 Metric metric, "
        "13 Output output_raw, 17 Run run, 18 Exit exit, 25 UsedArtifact use_artifact, "
        "26 Environment environment"
    ),
}


#: Field numbers of `Record`.
HISTORY, OUTPUT, STATS, OUTPUT_RAW = 2, 4, 7, 13

# Of `Record`: its number, and of W&B's own control, uuid and _info; the type of the last three.
_OWN_FIELDS = frozenset({1, 16, 19, 200})
_BYTES = 2

#: What is before the value of an item and its length: the tag of field 16, of bytes.
VALUE_TAG = b"\x82\x01"


@cache
def message_class(name: str) -> Any:
    """Return the class of a message."""
    descriptor = _pool().FindMessageTypeByName(f"{_PACKAGE}.{name}")
    return message_factory.GetMessageClass(descriptor)


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
def _pool() -> descriptor_pool.DescriptorPool:
    pool = descriptor_pool.DescriptorPool()
    pool.Add(_describe_file())
    return pool


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


def _describe_file() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(
        name=f"{_PACKAGE}.proto", package=_PACKAGE, syntax="proto3"
    )
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for text in fields.split(", "):
            number, kind, field_name = text.split()
            field = message.field.add(name=field_name, number=int(number))
            is_repeated = kind.startswith("*")
            field.label = field.LABEL_REPEATED if is_repeated else field.LABEL_OPTIONAL
            kind = kind.removeprefix("*")
            if kind in _SCALARS:
                field.type = _SCALARS[kind]
            else:
                field.type = field.TYPE_MESSAGE
                field.type_name = f".{_PACKAGE}.{kind}"
    return file
