"""The params that this process logged to a run, which cannot change (P1)."""

from __future__ import annotations

import reprlib

from runstream.contract.params_and_tags import OnInvalid, Pairs, to_texts
from runstream.errors import InvalidArgument
from runstream.v1.logging_service_pb2 import LogBatchRequest


class RunParams:
    """The params of one run.

    Any thread may call every method. No lock is needed: a dictionary changes by one step in C.

    Attributes:
        add: takes a dictionary of params that are logged now. It is the dictionary's own method,
            because a call that logs adds them in one step that no interrupt can divide.
    """

    __slots__ = ("_run_id", "_values", "add")

    def __init__(self, run_id: str) -> None:
        self._run_id = run_id
        self._values: dict[str, str] = {}
        self.add = self._values.update

    def check(self, given: Pairs, on_invalid: OnInvalid | None) -> dict[str, str]:
        """Return params as texts.

        Args:
            given: the params.
            on_invalid: called with each param that breaks a rule, which is left out; None to raise
                the error.

        Raises:
            InvalidArgument: a key or value breaks its rule, or the param has another value.
        """
        texts = to_texts("params", given, on_invalid)
        for key, value in list(texts.items()):
            old = self._values.get(key, value)
            if old != value:
                error = self._immutable_error(key, old, value)
                if on_invalid is None:
                    raise error
                on_invalid("params", key, error)
                del texts[key]
        return texts

    def drop(self, message: bytes) -> None:
        """Let the params of a refused batch be logged with other values."""
        for param in LogBatchRequest.FromString(message).params:
            self._values.pop(param.key, None)

    def clear(self) -> None:
        """Forget all params."""
        self._values.clear()

    def _immutable_error(self, key: str, old: str, new: str) -> InvalidArgument:
        return InvalidArgument(
            f"params.{key} of run {self._run_id} is already {reprlib.repr(old)}, "
            f"it cannot become {reprlib.repr(new)}",
            reason="PARAM_IMMUTABLE",
            run_id=self._run_id,
            field=f"params.{key}",
            old=old,
            new=new,
        )
