"""The files of a model: what its framework writes, and beside it what says how to read that.

The folder has the form of MLflow's, so that MLflow's own `load_model` reads it, too:

    MLmodel            the flavors, the ids and the columns of the model
    requirements.txt   the versions of the packages that the model was made with
    ...                what the framework writes
"""

from __future__ import annotations

import json
import platform
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

from runstream.files.folder_transfer import make_temporary_folder

#: The file that describes a model. It is YAML for MLflow, and written as JSON, which is YAML.
DESCRIPTION = "MLmodel"

#: The file of some rows that it takes.
EXAMPLE = "input_example.json"


@dataclass(frozen=True)
class Flavor:
    """How a framework stores a model.

    Attributes:
        name: the framework.
        packages: packages whose versions are recorded, as `scikit-learn`.
        options: what is needed to read the files, in MLflow's words.
        loader_module: the module of MLflow's that makes a predicting function of the files; empty
            if it cannot.
        loader_options: what that module needs.
    """

    name: str
    packages: Sequence[str]
    options: Mapping[str, Any] = field(default_factory=dict)
    loader_module: str = ""
    loader_options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ModelDraft:
    """The files of a model that is not uploaded yet, in a folder that is ours to remove."""

    folder: Path
    flavors: Mapping[str, Any]

    def discard(self) -> None:
        """Remove the files."""
        shutil.rmtree(self.folder, ignore_errors=True)


def write_model(
    flavor: Flavor,
    write: Callable[[Path], object],
    model_id: str,
    run_id: str,
    signature: Mapping[str, Any] | None = None,
    input_example: Any = None,
) -> ModelDraft:
    """Write the files of a model.

    Args:
        flavor: its framework.
        write: writes what the framework reads into a folder.
        model_id: the id that the model will have.
        run_id: the run that makes it.
        signature: its columns, as `MLmodel` has them.
        input_example: some rows that it takes, a data frame or an array.

    Raises:
        Exception: what `write` raises; nothing is left then.
    """
    folder = make_temporary_folder()
    flavors = _describe_flavors(flavor)
    draft = ModelDraft(folder, flavors)
    try:
        write(folder)
        size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
        description = {
            "artifact_path": f"models:/{model_id}",
            "flavors": flavors,
            "model_id": model_id,
            "model_size_bytes": size,
            "model_uuid": model_id,
            "run_id": run_id,
            "utc_time_created": time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime()),
        }
        if signature is not None:
            description["signature"] = signature
        if input_example is not None:
            description["saved_input_example_info"] = _write_example(input_example, folder)
        (folder / DESCRIPTION).write_text(json.dumps(description, indent=2), "utf-8")
        (folder / "requirements.txt").write_text(_requirements(flavor.packages), "utf-8")
    except BaseException:
        draft.discard()
        raise
    return draft


def _write_example(example: Any, folder: Path) -> dict[str, str]:
    """Write some rows as MLflow does, and return what `MLmodel` says of them."""
    if hasattr(example, "columns"):
        content = {
            "columns": list(map(str, example.columns)),
            "data": example.to_numpy(object).tolist(),
        }
        kind = {"type": "dataframe", "pandas_orient": "split"}
    else:
        content = {"inputs": example.tolist()}
        kind = {"type": "ndarray", "format": "tf-serving"}
    (folder / EXAMPLE).write_text(json.dumps(content, default=str), "utf-8")
    return {"artifact_path": EXAMPLE, **kind}


def _describe_flavors(flavor: Flavor) -> dict[str, Any]:
    described: dict[str, Any] = {flavor.name: dict(flavor.options)}
    if flavor.loader_module:
        described["python_function"] = {
            "loader_module": flavor.loader_module,
            "python_version": platform.python_version(),
            "env": {"virtualenv": "requirements.txt"},
            **flavor.loader_options,
        }
    return described


def _requirements(packages: Sequence[str]) -> str:
    return "".join(f"{name}=={version}\n" for name in packages if (version := find_version(name)))


@lru_cache(maxsize=256)
def find_version(package: str) -> str:
    """Return the version of a package that is installed; empty if it is not."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""
