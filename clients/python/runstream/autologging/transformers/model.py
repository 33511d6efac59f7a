"""A model of Transformers as files: each part as its `save_pretrained` writes it.

The folders and their description are those of MLflow: `model`, and `components` with the others.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from runstream.errors import InvalidArgument, shorten
from runstream.models.model_files import Flavor, find_version
from runstream.models.stored_model import StoredModel

# What a pipeline can have besides its model.
_COMPONENTS = ("tokenizer", "feature_extractor", "image_processor", "processor")

_PACKAGES = ("transformers", "torch", "tokenizers", "safetensors", "accelerate")


def model_parts(given: Any) -> dict[str, Any]:
    """Return the parts of a pipeline, of a dictionary of parts, or of a model alone.

    Raises:
        InvalidArgument: no part is a model, or one cannot be stored, such as an adapter of PEFT.
    """
    if isinstance(given, Mapping):
        parts = dict(given)
    elif hasattr(given, "model"):  # a pipeline
        parts = {name: getattr(given, name, None) for name in ("model", *_COMPONENTS)}
    else:
        parts = {"model": given}
    parts = {name: part for name, part in parts.items() if part is not None}
    unknown = [name for name in parts if name not in ("model", *_COMPONENTS)]
    if "model" not in parts or unknown or not _can_be_read(parts["model"]):
        raise InvalidArgument(
            f"Invalid value of type {type(given).__name__} for parameter 'transformers_model' "
            "supplied: it must be a pipeline, a model of Transformers, or a dictionary with one as "
            f"'model' and any of {', '.join(_COMPONENTS)}; merge an adapter of PEFT into its model",
            reason="MODEL_UNKNOWN",
            field="transformers_model",
            value=type(given).__name__,
            limit="a pipeline, a model or a dictionary of parts",
        )
    return parts


def transformers_flavor(parts: Mapping[str, Any], task: str | None) -> Flavor:
    """Return how a model is stored."""
    components = [name for name in parts if name != "model"]
    options = {
        "task": task,
        "pipeline_model_type": type(parts["model"]).__name__,
        "pipeline_model_module": type(parts["model"]).__module__,
        "source_model_name": getattr(parts["model"], "name_or_path", ""),
        "model_binary": "model",
        "components": components,
        "transformers_version": find_version("transformers"),
        "code": None,
        **{f"{name}_type": type(parts[name]).__name__ for name in components},
    }
    return Flavor(name="transformers", packages=_PACKAGES, options=options)


def write_parts(parts: Mapping[str, Any], folder: Path) -> None:
    """Write the parts of a model into a folder."""
    for name, part in parts.items():
        part.save_pretrained(folder / ("model" if name == "model" else f"components/{name}"))


def read_parts(stored: StoredModel) -> dict[str, Any]:
    """Read the parts of a model.

    Raises:
        InvalidArgument: the class of a part is neither one of Transformers nor one of a module that
            the program has imported.
    """
    # MLflow does not record the module: its models are of Transformers itself.
    module = stored.text("pipeline_model_module", "transformers")
    model_class = _find_class(module, stored.text("pipeline_model_type"))
    parts = {"model": model_class.from_pretrained(stored.path("model_binary", "model"))}
    named = stored.options.get("components")
    for name in (name for name in _COMPONENTS if isinstance(named, list) and name in named):
        component_class = _find_class("transformers", stored.text(f"{name}_type"))
        parts[name] = component_class.from_pretrained(stored.folder / "components" / name)
    return parts


def _find_class(module: str, name: str) -> Any:
    """Return a class that reads its files; nothing is imported that a model alone asks for."""
    if module.partition(".")[0] == "transformers":
        with suppress(ImportError):
            import_module(module)
    found = getattr(sys.modules.get(module), name, None)
    if not isinstance(found, type) or not hasattr(found, "from_pretrained"):
        raise InvalidArgument(
            f"a part of the model is of the class {shorten(f'{module}.{name}')}, which is neither "
            f"one of Transformers nor imported: import {shorten(module)} before",
            reason="MODEL_CLASS_UNKNOWN",
            field="model_uri",
            value=f"{module}.{name}",
            limit="a class of transformers or of a module that is imported",
        )
    return found


def _can_be_read(model: Any) -> bool:
    return hasattr(model, "save_pretrained") and type(model).__module__.partition(".")[0] != "peft"
