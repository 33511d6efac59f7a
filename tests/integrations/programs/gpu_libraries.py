"""Compares what system metrics call with the installed libraries of GPUs, and logs without a GPU.

Prints the id of the run.
"""

import ast
import inspect
import logging
import time
from importlib.util import find_spec
from pathlib import Path

import pynvml

import runstream
from runstream.system_metrics import amd_gpus, nvidia_gpus


def library(package, module):
    """Return the text and the functions of a module; amdsmi cannot be imported without a driver."""
    text = Path(find_spec(package).origin).with_name(f"{module}.py").read_text()
    return text, {node.name: node.args for node in ast.parse(text).body if hasattr(node, "args")}


def calls(module, name):
    """Return the functions of a library that a module calls, and the number of arguments."""
    found = {
        (node.func.attr, len(node.args))
        for node in ast.walk(ast.parse(inspect.getsource(module)))
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith(f"{name}.")
    }
    assert len(found) >= 5, found
    return found


texts = {}
for module, name, package, file in (
    (nvidia_gpus, "pynvml", "pynvml", "pynvml"),
    (amd_gpus, "rocml", "pyrsmi", "rocml"),
    (amd_gpus, "amdsmi", "amdsmi", "amdsmi_interface"),
):
    texts[name], functions = library(package, file)
    for function, count in calls(module, name):
        parameters = functions[function]
        most = len(parameters.args)
        assert most - len(parameters.defaults) <= count <= most, function

# What they return.
assert {"total", "used"} <= {name for name, _ in pynvml.c_nvmlMemory_t._fields_}
assert "gpu" in {name for name, _ in pynvml.c_nvmlUtilization_t._fields_}
for key in ("vram_total", "vram_used", "gfx_activity", "average_socket_power"):
    assert f'"{key}"' in texts["amdsmi"], key
for words in ("used memory of device in bytes", "total memory of device in bytes", "in Watts"):
    assert words in texts["rocml"], words

handlers = list(logging.getLogger().handlers)
runstream.set_system_metrics_sampling_interval(0.1)
with runstream.start_run(log_system_metrics=True) as run:
    while not run.data.metrics:
        time.sleep(0.1)
assert logging.getLogger().handlers == handlers
print(run.info.run_id)
