"""Logs tensors of PyTorch of every type as params, metrics, tags, a configuration and files."""

import json

import numpy as np
import torch

import runstream

FLOATS = [torch.bfloat16, torch.float16, torch.float32, torch.float64]
FLOATS += [getattr(torch, name) for name in dir(torch) if name.startswith("float8_e")]
INTEGERS = [torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.bool]

with runstream.start_run() as run:
    for dtype in FLOATS + INTEGERS:
        name = str(dtype).removeprefix("torch.")
        value = torch.tensor(1.0).to(dtype)
        runstream.log_metric(name, value)
        runstream.log_metrics({f"{name}.one": value.reshape(1, 1)}, step=torch.tensor(3))
        runstream.log_param(name, value)
        runstream.set_tag(name, value)
    weight = torch.nn.Parameter(torch.tensor([0.25, 0.5]))
    runstream.log_param("weight", weight)
    runstream.log_param("size", weight.shape)
    runstream.log_param("dtype", torch.bfloat16)
    runstream.log_param("device", torch.device("cpu"))
    runstream.log_metric("loss", (weight * 2).sum())
    runstream.log_config(
        {
            "lr": torch.tensor(0.5, dtype=torch.bfloat16),
            "betas": torch.tensor([0.5, 0.25]),
            "activation": torch.nn.ReLU,
            "dtype": torch.float16,
            "steps": np.int64(7),
        },
        prefix="model",
    )
    runstream.log_histogram(weight.to(torch.bfloat16), key="weight", step=1)
    runstream.log_audio(torch.zeros(1, 100), "tone.wav", sample_rate=8000)
    runstream.log_image(torch.zeros(4, 4), "zeros.png")
    refused = []
    for value in (torch.zeros(2), torch.tensor(1j), torch.zeros(1, device="meta")):
        try:
            runstream.log_metric("refused", value)
        except runstream.InvalidArgument as error:
            refused.append(str(error))
print(json.dumps({"run_id": run.run_id, "refused": refused}))
