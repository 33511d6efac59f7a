"""The messages of event files, as far as they are read, under names of our own.

The classes are made from the fields below when they are first needed, in a pool of their own:
TensorBoard, TensorFlow and tensorboardX register the same messages in the default pool, each in its
version, and two that differ cannot be there. Texts are bytes, because a file may have text that is
not UTF-8, for which its whole message would be refused. What is not declared here is not read.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

_PACKAGE = "runstream.importing.tensorboard"

# name:type:number; `?` where it counts whether a field is there, `*` where it is repeated.
_FIELDS = {
    "Event": (
        "wall_time:double:1 step:int64:2 file_version:bytes:3 graph_def:bytes?:4 summary:Summary:5 "
        "log_message:bytes?:6 session_log:SessionLog:7 tagged_run_metadata:bytes?:8 "
        "meta_graph_def:bytes?:9"
    ),
    "SessionLog": "status:int32:1",
    "Summary": "value:Value*:1",
    "Value": (
        "tag:bytes:1 simple_value:float?:2 image:Image:4 histo:Histogram:5 audio:Audio:6 "
        "node_name:bytes:7 tensor:Tensor:8 metadata:Metadata:9"
    ),
    "Metadata": "plugin_data:PluginData:1",
    "PluginData": "plugin_name:bytes:1 content:bytes:2",
    "Image": "encoded_image_string:bytes:4",
    "Audio": "encoded_audio_string:bytes:4",
    "Histogram": "min:double:1 max:double:2 bucket_limit:double*:6 bucket:double*:7",
    "Tensor": (
        "dtype:int32:1 tensor_shape:Shape:2 tensor_content:bytes:4 float_val:float*:5 "
        "double_val:double*:6 int_val:int32*:7 string_val:bytes*:8 int64_val:int64*:10 "
        "bool_val:bool*:11 half_val:int32*:13 uint32_val:uint32*:16 uint64_val:uint64*:17"
    ),
    "Shape": "dim:Dimension*:2",
    "Dimension": "size:int64:1",
    "HParams": "session_start_info:SessionStart:3 session_end_info:SessionEnd:4",
    "SessionStart": "hparams:HParam*:1 group_name:bytes:4 start_time_secs:double:5",
    "SessionEnd": "status:int32:1 end_time_secs:double:2",
    "HParam": "key:bytes:1 value:HParamValue:2",  # an entry of a map
    "HParamValue": (
        "number_value:double?:2 string_value:bytes?:3 bool_value:bool?:4 list_value:HParamList:6"
    ),
    "HParamList": "values:HParamValue*:1",
}

_TYPES = {
    "double": FieldDescriptorProto.TYPE_DOUBLE,
    "float": FieldDescriptorProto.TYPE_FLOAT,
    "int32": FieldDescriptorProto.TYPE_INT32,
    "int64": FieldDescriptorProto.TYPE_INT64,
    "uint32": FieldDescriptorProto.TYPE_UINT32,
    "uint64": FieldDescriptorProto.TYPE_UINT64,
    "bool": FieldDescriptorProto.TYPE_BOOL,
    "bytes": FieldDescriptorProto.TYPE_BYTES,
}


@cache
def message_class(name: str) -> Any:
    """Return the class of a message by its name above."""
    return GetMessageClass(_pool().FindMessageTypeByName(f"{_PACKAGE}.{name}"))


@cache
def _pool() -> DescriptorPool:
    file = FileDescriptorProto(name=f"{_PACKAGE}.proto", package=_PACKAGE, syntax="proto3")
    for message_name, fields in _FIELDS.items():
        message = file.message_type.add(name=message_name)
        for text in fields.split():
            name, kind, number = text.split(":")
            field = message.field.add(name=name, number=int(number))
            field.label = field.LABEL_REPEATED if kind.endswith("*") else field.LABEL_OPTIONAL
            if kind.endswith("?"):  # as protoc does it, each is alone in a `oneof`
                field.proto3_optional = True
                field.oneof_index = len(message.oneof_decl)
                message.oneof_decl.add(name=f"_{name}")
            kind = kind.rstrip("?*")
            if kind in _TYPES:
                field.type = _TYPES[kind]
            else:
                field.type = field.TYPE_MESSAGE
                field.type_name = f".{_PACKAGE}.{kind}"
    pool = DescriptorPool()
    pool.Add(file)
    return pool
