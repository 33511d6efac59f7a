"""The OpenAPI document of the API, made from the contract: routes, types and what they mean."""

from __future__ import annotations

import json
import re
from importlib.metadata import version
from typing import Any

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

from runstream.v1.metric_service_pb2 import ReadMetricHistoryResponse
from runstream.v1.watch_service_pb2 import WatchResponse
from runstream_service.http import mlflow
from runstream_service.http.contract import Contract, Rpc, is_repeated

_INTEGERS = {
    FieldDescriptor.TYPE_INT32: "int32",
    FieldDescriptor.TYPE_INT64: "int64",
    FieldDescriptor.TYPE_SFIXED64: "int64",
    FieldDescriptor.TYPE_UINT32: "int64",
    FieldDescriptor.TYPE_UINT64: "int64",
}
# What the routes of `streams.py` answer with, message by message.
_STREAMED = (ReadMetricHistoryResponse, WatchResponse)
_ERROR = {
    "type": "object",
    "properties": {
        "error_code": {"type": "string", "description": "What is wrong, for programs."},
        "message": {"type": "string", "description": "What is wrong, for people."},
        "reason": {
            "type": "string",
            "description": "What is wrong, more exactly, in UPPER_SNAKE_CASE, as in "
            "google.rpc.ErrorInfo.reason.",
        },
        "metadata": {
            "type": "object",
            "additionalProperties": {"type": "string"},
            "description": "The particulars, such as `field`, `value` and `limit`, as in "
            "google.rpc.ErrorInfo.metadata.",
        },
        "request_id": {
            "type": "string",
            "description": "Names the request in the log; the header X-Request-Id, too.",
        },
    },
    "required": ["error_code", "message", "reason", "metadata", "request_id"],
}
_REFUSED = {
    "description": "Refused; `error_code` and `reason` say why.",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
}
_DOUBLE = {
    "anyOf": [
        {"type": "number", "format": "double"},
        {"type": "string", "enum": ["NaN", "Infinity", "-Infinity"]},
    ],
}


class Document:
    """Makes the document; a type gets a schema when something refers to it."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._schemas: dict[str, Any] = {"Error": _ERROR}

    def build(self) -> dict[str, Any]:
        """Return the document."""
        paths: dict[str, dict[str, Any]] = {}
        names: set[str] = set()
        for rpc in self._contract.rpcs:
            operation = self._operation(rpc)
            operation["operationId"] = _unused_name(rpc.name, names)
            paths.setdefault(rpc.path, {})[rpc.verb.lower()] = operation
        for streamed in _STREAMED:
            self._reference(streamed.DESCRIPTOR)
        return {
            "openapi": "3.0.3",
            "info": {
                "title": "Runstream",
                "version": version("runstream"),
                "description": "Experiment tracking: MLflow's REST API and what goes beyond it.",
                "license": {"name": "Apache-2.0"},
            },
            "servers": [{"url": "."}],  # relative to the document, which may lie below any path
            "paths": paths,
            "components": {"schemas": dict(sorted(self._schemas.items()))},
        }

    def _operation(self, rpc: Rpc) -> dict[str, Any]:
        in_path = re.findall(r"\{(\w+)\}", rpc.path)
        text = self._contract.comments.get(f"{rpc.service}.{rpc.name}", "")
        operation: dict[str, Any] = {
            "tags": [rpc.service.rpartition(".")[2]],
            "summary": text.split("\n\n")[0].replace("\n", " "),
            "description": text,
            "responses": {
                "200": {
                    "description": "Done.",
                    "content": {"application/json": {"schema": self._reference(rpc.response)}},
                },
                "4XX": _REFUSED,
                "5XX": _REFUSED,
            },
        }
        fields = [field for field in rpc.request.fields if not rpc.has_body]
        fields += [rpc.request.fields_by_name[name] for name in in_path if rpc.has_body]
        if fields:
            operation["parameters"] = [self._parameter(field, in_path) for field in fields]
        if rpc.has_body:
            schema = self._object(rpc.request, without=in_path)
            operation["requestBody"] = {
                "required": bool(schema.get("required")),
                "content": {"application/json": {"schema": schema}},
            }
        return operation

    def _parameter(self, field: FieldDescriptor, in_path: list[str]) -> dict[str, Any]:
        message = field.containing_type.name if field.containing_type else ""
        return {
            "name": field.name,
            "in": "path" if field.name in in_path else "query",
            "required": field.name in in_path or field.name in mlflow.REQUIRED.get(message, ()),
            "description": self._comment(field),
            "schema": self._schema(field),
        }

    def _reference(self, descriptor: Descriptor) -> dict[str, Any]:
        name = descriptor.name
        if name not in self._schemas:
            self._schemas[name] = {}  # it may refer to itself
            self._schemas[name] = self._object(descriptor)
        return {"$ref": f"#/components/schemas/{name}"}

    def _object(self, descriptor: Descriptor, without: list[str] | None = None) -> dict[str, Any]:
        left_out = without or []
        schema: dict[str, Any] = {
            "type": "object",
            "description": self._contract.comments.get(descriptor.full_name, ""),
            "properties": {
                field.name: self._property(field)
                for field in descriptor.fields
                if field.name not in left_out
            },
        }
        for second, name in mlflow.ANSWER_ALIASES.get(descriptor.name, {}).items():
            schema["properties"][second] = schema["properties"][name]
        if required := [n for n in mlflow.REQUIRED.get(descriptor.name, ()) if n not in left_out]:
            schema["required"] = required
        return schema

    def _property(self, field: FieldDescriptor) -> dict[str, Any]:
        schema = self._schema(field)
        if "$ref" in schema:  # no other member may stand beside it
            schema = {"allOf": [schema]}
        return {"description": self._comment(field), **schema}

    def _comment(self, field: Any) -> str:
        return self._contract.comments.get(f"{field.containing_type.full_name}.{field.name}", "")

    def _schema(self, field: Any) -> dict[str, Any]:
        schema = self._type(field)
        return {"type": "array", "items": schema} if is_repeated(field) else schema

    def _type(self, field: Any) -> dict[str, Any]:
        match field.type:
            case FieldDescriptor.TYPE_MESSAGE:
                return self._reference(field.message_type)
            case FieldDescriptor.TYPE_ENUM:
                return self._enum(field.enum_type)
            case FieldDescriptor.TYPE_STRING:
                return {"type": "string"}
            case FieldDescriptor.TYPE_BOOL:
                return {"type": "boolean"}
            case FieldDescriptor.TYPE_DOUBLE:
                return _DOUBLE
            case kind:
                return {"type": "integer", "format": _INTEGERS[kind]}

    def _enum(self, descriptor: EnumDescriptor) -> dict[str, Any]:
        names = [value.name for value in descriptor.values]
        self._schemas.setdefault(descriptor.name, {"type": "string", "enum": names})
        return {"$ref": f"#/components/schemas/{descriptor.name}"}


def _unused_name(name: str, names: set[str]) -> str:
    """Return a name for an operation; an RPC with two routes is two operations."""
    unused = name if name not in names else f"{name}Too"
    names.add(unused)
    return unused


if __name__ == "__main__":  # for those who generate code from it
    print(json.dumps(Document(Contract()).build(), indent=2))  # noqa: T201
