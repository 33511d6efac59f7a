"""Messages of the contract at random, made from their descriptors; and bytes that are none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from google.protobuf import message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from hypothesis import strategies as st

from runstream_service.http.contract import is_repeated

#: Texts that have broken a server once, or could.
TEXTS = [
    *(
        "\0",
        "../a",
        "/",
        "a//b",
        "data:",
        "9" * 400,
        "a" * 70_000,
        "(" * 5_000,
        "NaN",
        "-1",
        "W10=",
    ),
    *(
        "metrics.a > ",
        "attributes.start_time > 9e999",
        "a IN (" + "'x'," * 3_000 + "'x')",
        "'",
        '"',
    ),
    *("metrics.`a` = 1 AND " * 500 + "params.p = '1'", "mlflow.runName", "m-" + "0" * 32, "ﷺ", "İ"),
    *("0" * 32, "user:", "group:", "user:\x07", "mlflow-artifacts:/x", "data:a/../../b", "%", "_"),
    *("[" * 2_000, '{"a":' * 500, "tags.`t` RLIKE '(a|b)*'", "bnVsbA==", "WzEsMl0=", "2026-13-45"),
    *(
        "\N{GRINNING FACE}" * 300,
        "\N{ZERO WIDTH JOINER}",
        "WyJhIiwxZTk5OV0=",
        "e" * 64,
        "m-" + "f" * 32,
    ),
]
#: Bytes to put where they do not belong: tags of every wire type, endless lengths, broken UTF-8.
MARKS = [
    *(b"\0", b"\xff", b"\x0a\xff\xff\xff\xff\x0f", b"\x0b", b"\x0c", b"\x0d", b"\x0a\x02\xc3\x28"),
    *(b"\xff" * 10 + b"\x01", b"\x0a\x00" * 50, b"\x0b" * 200, b"\x08\x80\x80\x80\x80\x10"),
]

_RANGES = {
    FieldDescriptor.TYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.TYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.TYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.TYPE_UINT64: (0, 2**64 - 1),
    FieldDescriptor.TYPE_SFIXED64: (-(2**63), 2**63 - 1),
    FieldDescriptor.TYPE_ENUM: (-(2**31), 2**31 - 1),
}


def encoded(descriptor: Descriptor, names: Sequence[str]) -> st.SearchStrategy[bytes]:
    """Return bytes that may be a message: most are one, others were one, some never were."""
    whole = _messages(descriptor, names).map(lambda message: message.SerializeToString())
    return st.one_of(whole, whole, mutated(whole), st.binary(max_size=200))


def _messages(descriptor: Descriptor | None, names: Sequence[str]) -> st.SearchStrategy[Any]:
    assert descriptor is not None
    kind = message_factory.GetMessageClass(descriptor)
    fields = {field.name: _values(field, names) for field in descriptor.fields}
    return st.fixed_dictionaries({}, optional=fields).map(lambda values: kind(**values))


def _values(field: FieldDescriptor, names: Sequence[str]) -> st.SearchStrategy[Any]:
    entry = field.message_type
    if entry is not None and entry.GetOptions().map_entry:
        key, value = (entry.fields_by_name[name] for name in ("key", "value"))
        return st.dictionaries(_single(key, names), _single(value, names), max_size=3)
    single = _single(field, names)
    return st.lists(single, max_size=3) if is_repeated(field) else single


def _single(field: FieldDescriptor, names: Sequence[str]) -> st.SearchStrategy[Any]:
    match field.type:
        case FieldDescriptor.TYPE_MESSAGE:
            return _messages(field.message_type, names)
        case FieldDescriptor.TYPE_STRING:
            known = st.sampled_from(names)
            return st.one_of(known, known, st.sampled_from(TEXTS), st.text(max_size=20))
        case FieldDescriptor.TYPE_BYTES:
            return st.binary(max_size=100)
        case FieldDescriptor.TYPE_BOOL:
            return st.booleans()
        case FieldDescriptor.TYPE_DOUBLE:
            return st.floats()
        case FieldDescriptor.TYPE_FLOAT:
            return st.floats(width=32)
    low, high = _RANGES[field.type]
    return st.one_of(st.sampled_from([0, 1, 2, 3, 100, high]), st.integers(low, high))


@st.composite
def mutated(draw: st.DrawFn, contents: st.SearchStrategy[bytes]) -> bytes:
    """Return bytes of which some were changed, put in, taken out or repeated."""
    content = bytearray(draw(contents))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(content)))
        match draw(st.integers(0, 4)):
            case 0:
                content[at:at] = draw(st.sampled_from(MARKS))
            case 1:
                content[at : at + 1] = draw(st.binary(min_size=1, max_size=1))
            case 2:
                del content[at : at + draw(st.integers(1, 9))]
            case 3:
                content[at:at] = content[at : at + 40] * draw(st.integers(1, 50))
            case _:
                del content[at:]
    return bytes(content)
