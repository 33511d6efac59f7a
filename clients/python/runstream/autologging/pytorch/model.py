"""A module of PyTorch as files: a pickle of torch.save, which MLflow's `load_model` reads, too."""

from __future__ import annotations

import pickle
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from runstream.models.model_files import Flavor
from runstream.models.stored_model import StoredModel

_FOLDER = "data"
_FILE = "model.pth"
_PICKLE_INFO = "pickle_module_info.txt"  # names the module with which MLflow reads the file

_PACKAGES = ("torch", "lightning", "pytorch-lightning", "numpy", "cloudpickle")


def pytorch_flavor() -> Flavor:
    """Return how a module is stored."""
    import torch

    return Flavor(
        name="pytorch",
        packages=_PACKAGES,
        options={
            "model_data": _FOLDER,
            "pytorch_version": str(torch.__version__),  # that of CUDA is part of it
            "code": None,
        },
        loader_module="mlflow.pytorch",
        loader_options={"data": _FOLDER},
    )


def write_module(module: Any, folder: Path) -> None:
    """Write a module into a folder.

    With cloudpickle, if it is installed, a class of the main program goes with it.
    """
    import torch

    pickler: Any = import_module("cloudpickle") if find_spec("cloudpickle") else pickle
    data = folder / _FOLDER
    data.mkdir()
    torch.save(module, data / _FILE, pickle_module=pickler)
    # Reads what cloudpickle writes, too, which has no reader of its own that torch could use.
    (data / _PICKLE_INFO).write_text(pickle.__name__)


def read_module(stored: StoredModel, device: Any = None) -> Any:
    """Return the module that was stored, in its mode of evaluation; this runs code of the file.

    Args:
        stored: its files.
        device: where its weights are put; the processor if there is no GPU.
    """
    import torch

    stored.format(["pickle"])
    file = stored.path("model_data", _FOLDER) / _FILE
    if device is None and not torch.cuda.is_available():
        device = "cpu"
    module = torch.load(file, map_location=device, weights_only=False)
    module.eval()
    return module
