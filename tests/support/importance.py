"""Runs whose params decide a metric in a way that is known."""

from __future__ import annotations

from typing import Any

import numpy as np

from runstream.v1.logging_service_pb2 import LogBatchRequest
from runstream.v1.metric_pb2 import MetricTable
from runstream.v1.param_importance_pb2 import (
    GetParamImportanceRequest,
    GetParamImportanceResponse,
)
from runstream.v1.run_pb2 import Param
from support.api import Api
from support.run_batches import RunWriter

OPTIMIZERS = {"adam": 0.0, "sgd": 2.0, "rmsprop": 1.0}
CONTENT = 60


def log_content(api: Api, experiment_id: str = "0", count: int = CONTENT) -> None:
    """Log runs whose loss is of lr, of the optimizer, and a little noise."""
    random = np.random.default_rng(7)
    batches: list[LogBatchRequest] = []
    for i in range(count):
        lr, optimizer = random.uniform(0.001, 0.1), random.choice(list(OPTIMIZERS))
        loss = 40 * lr + OPTIMIZERS[optimizer] + random.normal(0, 0.1)
        params = {
            "lr": f"{lr:.5g}",
            "optimizer": str(optimizer),
            "seed": str(random.integers(1_000_000)),
            "note": f"run number {i}",
            "same": "always",
        }
        if i % 2:
            params["half"] = "1"
        writer = RunWriter()
        batches.append(writer.start(start_time=i, experiment_id=experiment_id))
        batches.append(
            writer.batch(
                params=[Param(key=key, value=value) for key, value in params.items()],
                metrics=MetricTable(
                    keys=["loss"], counts=[2], step=[0, 1], timestamp=[1, 2], value=[loss, -loss]
                ),
            )
        )
    api.log_batches(batches)


def read_importance(
    api: Api, number: str = "metrics.loss", experiment_id: str = "0", **fields: Any
) -> GetParamImportanceResponse:
    request = GetParamImportanceRequest(number_key=number, experiment_ids=[experiment_id], **fields)
    return api.runs.GetParamImportance(request)
