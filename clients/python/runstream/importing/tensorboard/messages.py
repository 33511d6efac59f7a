"""The messages of event files, as far as they are read, under names of our own.

Texts are bytes, because a file may have text that is not UTF-8, for which its whole message would
be refused. What is not declared here is not read.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from runstream.importing.declared_messages import make_message_classes

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


def message_class(name: str) -> Any:
    """Return the class of a message by its name above."""
    return _classes()[name]


@cache
def _classes() -> dict[str, Any]:
    return make_message_classes("runstream.importing.tensorboard", _FIELDS)
