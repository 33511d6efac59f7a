"""What PyTorch computes is logged as the numbers that it is (M3, P2, P6)."""

from __future__ import annotations

import json

from runstream import TrackingClient
from support.frameworks import PROGRAMS, Frameworks

FLOATS = {"bfloat16", "float16", "float32", "float64", "float8_e4m3fn", "float8_e5m2"}
INTEGERS = {"uint8", "int8", "int16", "int32", "int64", "bool"}


def test_tensors_of_every_type_are_logged(frameworks: Frameworks, client: TrackingClient) -> None:
    """M3, P2, P6, K8."""
    program = (PROGRAMS / "torch_values.py").read_text()
    printed = json.loads(frameworks.run("torch", program).splitlines()[-1])
    run = client.get_run(printed["run_id"])
    for name in FLOATS | INTEGERS:
        assert run.data.metrics[name] == run.data.metrics[f"{name}.one"] == 1.0
        wanted = "1.0" if name in FLOATS else "True" if name == "bool" else "1"
        assert run.data.params[name] == run.data.tags[name] == wanted
    assert run.data.metrics["loss"] == 1.5
    params = {
        "weight": "[0.25, 0.5]",
        "size": "torch.Size([2])",
        "dtype": "torch.bfloat16",
        "device": "cpu",
        "model.lr": "0.5",
        "model.betas": "[0.5, 0.25]",
        "model.activation": "torch.nn.modules.activation.ReLU",
        "model.dtype": "torch.float16",
        "model.steps": "7",
    }
    assert {key: run.data.params[key] for key in params} == params
    (config,) = (f.path for f in client.list_artifacts(run.info.run_id) if "config" in f.path)
    assert client.load_dict(run.info.run_id, config)["betas"] == [0.5, 0.25]
    (histogram,) = client.list_series(run.info.run_id, "histograms", "weight")
    assert sum(client.load_dict(run.info.run_id, histogram.path)["counts"]) == 2
    several, complex_number, meta = printed["refused"]
    assert "a Tensor of 2: log_metrics takes one" in several
    assert "which is not a number" in complex_number
    assert "which is not a number" in meta
    assert "refused" not in run.data.metrics
