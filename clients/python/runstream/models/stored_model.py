"""A model in a folder of this machine, and what its file `MLmodel` says of it.

The folder may come from anybody. What its description says is checked before it is used: a file
that it names is one in the folder.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from runstream.errors import InvalidArgument, NotFound, shorten
from runstream.files.optional_libraries import import_optional
from runstream.models.model_files import DESCRIPTION


@dataclass(frozen=True)
class StoredModel:
    """The files of a model, and how its framework reads them.

    Attributes:
        folder: the folder with its files.
        options: what is needed to read them, in MLflow's words, not checked yet.
    """

    folder: Path
    options: Mapping[str, Any]

    def text(self, option: str, default: str = "") -> str:
        """Return the text that an option has; the default, if it is not there.

        Raises:
            InvalidArgument: it is no text.
        """
        value = self.options.get(option)
        if value is None:
            return default
        if not isinstance(value, str):
            raise _malformed_error(option, value, "a text")
        return value

    def format(self, known: Sequence[str]) -> str:
        """Return in which format the files are; the first of those that are known is the default.

        Raises:
            InvalidArgument: it is none that is known.
        """
        found = self.text("serialization_format", known[0])
        if found not in known:
            raise _malformed_error("serialization_format", found, f"one of {', '.join(known)}")
        return found

    def path(self, option: str, default: str = "") -> Path:
        """Return the file or folder that an option names, which is in the folder of the model.

        Raises:
            InvalidArgument: it is named by no text, or is outside of the folder.
            NotFound: it is not there.
        """
        name = self.text(option, default)
        parts = PurePosixPath(name)
        if not name or parts.is_absolute() or ".." in parts.parts:
            raise _malformed_error(option, name, "the path of a file in the folder of the model")
        path = self.folder / parts
        if not os.path.exists(path):
            raise NotFound(
                f"the model has no file {shorten(name)!r}, which its {DESCRIPTION} names",
                reason="MODEL_FILE_NOT_FOUND",
                field=option,
                value=name,
            )
        return path


def read_description(folder: Path, flavor: str, model_uri: object) -> StoredModel:
    """Return the model in a folder.

    Args:
        folder: the folder.
        flavor: the framework that is to read it.
        model_uri: what the caller calls it.

    Raises:
        InvalidArgument: its description is malformed, or it is of another framework.
        NotFound: there is no description.
    """
    file = folder / DESCRIPTION
    if not file.is_file():
        raise NotFound(
            f"{model_uri} has no file {DESCRIPTION}: it is no model",
            reason="MODEL_NOT_FOUND",
            field="model_uri",
            value=model_uri,
        )
    description = _parse(file.read_bytes())
    flavors = description.get("flavors") if isinstance(description, dict) else description
    if not isinstance(flavors, dict):
        raise _malformed_error("flavors", flavors, "a mapping")
    if flavor not in flavors:
        names = ", ".join(sorted(map(str, flavors))) or "no framework"
        raise InvalidArgument(
            f"the model {model_uri} is one of {shorten(names)}, not of {flavor}",
            reason="MODEL_OF_OTHER_FRAMEWORK",
            field="model_uri",
            value=model_uri,
            limit=flavor,
        )
    options = flavors[flavor]
    if not isinstance(options, dict):
        raise _malformed_error(f"flavors.{flavor}", options, "a mapping")
    return StoredModel(folder, options)


def _parse(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):  # MLflow wrote it
        yaml = import_optional("yaml", "load_model of a model of MLflow")
        try:
            return yaml.safe_load(content)
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            raise InvalidArgument(
                f"the file {DESCRIPTION} of the model is no YAML: {shorten(str(error))}",
                reason="MODEL_MALFORMED",
                field=DESCRIPTION,
            ) from None


def _malformed_error(option: str, value: object, limit: str) -> InvalidArgument:
    is_short = isinstance(value, (str, int, float, type(None)))  # and not a bomb of aliases
    shown = repr(value) if is_short else type(value).__name__
    return InvalidArgument(
        f"Invalid value {shorten(shown)} for {option} in the file {DESCRIPTION} of the model: "
        f"it must be {limit}",
        reason="MODEL_MALFORMED",
        field=option,
        value=shown,
        limit=limit,
    )
