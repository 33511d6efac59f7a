"""A model of Transformers as files: each part as its `save_pretrained` writes it.

The folders and their description are those of MLflow: `model`, and `components` with the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from runstream.errors import InvalidArgument
from runstream.models.model_files import Flavor, find_version

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


def read_parts(folder: Path, options: Mapping[str, Any]) -> dict[str, Any]:
    """Read the parts of a model from a folder."""
    import transformers

    # MLflow does not record the module: its models are of Transformers itself.
    module = import_module(options.get("pipeline_model_module", "transformers"))
    model_class = getattr(module, options["pipeline_model_type"])
    parts = {"model": model_class.from_pretrained(folder / options.get("model_binary", "model"))}
    for name in options.get("components", ()):
        component_class = getattr(transformers, options[f"{name}_type"])
        parts[name] = component_class.from_pretrained(folder / "components" / name)
    return parts


def _can_be_read(model: Any) -> bool:
    return hasattr(model, "save_pretrained") and type(model).__module__.partition(".")[0] != "peft"
