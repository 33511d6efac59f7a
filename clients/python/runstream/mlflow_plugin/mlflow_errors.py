"""Errors of Runstream as MLflow's exceptions, in MLflow's words where the rule is MLflow's."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import wraps
from types import FunctionType
from typing import Any, ParamSpec, TypeVar

import grpc
import mlflow.exceptions
from mlflow.exceptions import MlflowException
from mlflow.protos import databricks_pb2

from runstream.errors import RunstreamError
from runstream.mlflow_error_sentences import mlflow_message

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")
Class = TypeVar("Class", bound=type)

# As the REST API answers them (X2).
_CODES = {
    grpc.StatusCode.INVALID_ARGUMENT: databricks_pb2.INVALID_PARAMETER_VALUE,
    grpc.StatusCode.NOT_FOUND: databricks_pb2.RESOURCE_DOES_NOT_EXIST,
    grpc.StatusCode.ALREADY_EXISTS: databricks_pb2.RESOURCE_ALREADY_EXISTS,
    grpc.StatusCode.FAILED_PRECONDITION: databricks_pb2.INVALID_PARAMETER_VALUE,
    grpc.StatusCode.RESOURCE_EXHAUSTED: databricks_pb2.RESOURCE_EXHAUSTED,
    grpc.StatusCode.UNAUTHENTICATED: databricks_pb2.UNAUTHENTICATED,
    grpc.StatusCode.PERMISSION_DENIED: databricks_pb2.PERMISSION_DENIED,
    grpc.StatusCode.UNAVAILABLE: databricks_pb2.TEMPORARILY_UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED: databricks_pb2.DEADLINE_EXCEEDED,
}

_CODES_BY_REASON = {"ALIAS_NOT_FOUND": databricks_pb2.INVALID_PARAMETER_VALUE}

# What the outbox says first of a batch that was refused. Here the call that is refused is the one
# that raises the error, as with a server of MLflow.
_REFUSAL = re.compile(r"^run [0-9a-f]{32}: its start, end or inputs were refused: ")

# MLflow 2 has no class for it.
_NotImplemented: Any = getattr(
    mlflow.exceptions, "MlflowNotImplementedException", mlflow.exceptions.MlflowException
)


class NotInRunstream(_NotImplemented, NotImplementedError):
    """MLflow has it and Runstream has not.

    MLflow's own code looks for either of the two base classes, and then does without.
    """

    def __init__(self, message: str) -> None:
        MlflowException.__init__(self, message, error_code=databricks_pb2.NOT_IMPLEMENTED)


def with_mlflow_errors(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Let a function raise MLflow's exceptions, caused by ours."""

    @wraps(function)
    def call(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        try:
            return function(*args, **kwargs)
        except RunstreamError as error:
            code = _CODES_BY_REASON.get(error.reason) or _CODES.get(
                error.code, databricks_pb2.INTERNAL_ERROR
            )
            message = _REFUSAL.sub("", mlflow_message(error))
            raise MlflowException(message, error_code=code) from error

    return call


def methods_with_mlflow_errors(owner: Class) -> Class:
    """Let all methods that a class defines raise MLflow's exceptions, caused by ours."""
    for name, method in list(vars(owner).items()):
        if isinstance(method, FunctionType):
            setattr(owner, name, with_mlflow_errors(method))
    return owner
