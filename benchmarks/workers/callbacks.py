"""Trains by Lightning and Transformers in turns: with a logger, without, with one that drops all.

The last one tells what the framework itself does for a logger.
"""

from __future__ import annotations

import os
import tempfile
import time
import warnings
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import mlflow
import torch

import runstream
from benchmarks.workers.job import main

ROWS = 4096
COLUMNS = 128
BATCH = 64
Times = dict[str, list[float]]


def lightning(uri: str, logger: str, steps: int, rounds: int) -> Times:
    """Return the seconds of each `Trainer.fit`, with the end of the run, by wall and processor."""
    from lightning.pytorch import LightningModule, Trainer
    from lightning.pytorch.loggers import Logger

    warnings.simplefilter("ignore")

    class Dropping(Logger):
        name, version = "dropping", 0

        def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None: ...
        def log_hyperparams(self, params: Any, *_: Any) -> None: ...

    class Regression(LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.layers = _layers()

        def training_step(self, batch: list[torch.Tensor], _: int) -> torch.Tensor:
            loss = torch.nn.functional.mse_loss(self.layers(batch[0]), batch[1])
            self.log("loss", loss)
            return loss

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.Adam(self.parameters(), 1e-3)

    loader = torch.utils.data.DataLoader(_data(), batch_size=BATCH, drop_last=True)

    def train(logger: Any) -> None:
        trainer = Trainer(
            accelerator="cpu",
            max_steps=steps,
            logger=logger,
            log_every_n_steps=1,
            enable_checkpointing=False,
            enable_model_summary=False,
            enable_progress_bar=False,
        )
        trainer.fit(Regression(), loader)

    return _compare(
        train,
        lambda: False,
        Dropping,
        _lightning_logger(uri) if logger == "ours" else _mlflow_logger(uri),
        rounds,
    )


def transformers(uri: str, logger: str, steps: int, rounds: int) -> Times:
    """Return the seconds of each `Trainer.train`, with the end of the run; as `lightning`."""
    from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments
    from transformers.integrations import MLflowCallback

    from runstream.integrations.transformers import RunstreamCallback

    class Regression(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = _layers()

        def forward(self, x: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
            return {"loss": torch.nn.functional.mse_loss(self.layers(x), labels)}

    rows = [{"x": x, "labels": y} for x, y in _data()]

    def train(callback: Any) -> None:
        with tempfile.TemporaryDirectory() as folder:
            arguments = TrainingArguments(
                output_dir=folder,
                max_steps=steps,
                per_device_train_batch_size=BATCH,
                logging_steps=1,
                save_strategy="no",
                report_to="none",
                use_cpu=True,
                disable_tqdm=True,
            )
            callbacks = [callback] if callback else []
            trainer = Trainer(Regression(), arguments, train_dataset=rows, callbacks=callbacks)
            trainer.remove_callback(PrinterCallback)
            trainer.train()

    runstream.set_tracking_uri(uri if logger == "ours" else "unused.db")
    mlflow.set_tracking_uri(uri)
    callback = RunstreamCallback if logger == "ours" else MLflowCallback
    return _compare(train, lambda: None, TrainerCallback, callback, rounds)


def _lightning_logger(uri: str) -> Callable[[], Any]:
    from runstream.integrations.lightning import RunstreamLogger

    runstream.set_tracking_uri(uri)
    return RunstreamLogger


def _mlflow_logger(uri: str) -> Callable[[], Any]:
    from lightning.pytorch.loggers import MLFlowLogger

    return lambda: MLFlowLogger(tracking_uri=uri)


def _compare(
    train: Callable[[Any], None],
    none: Callable[[], Any],
    dropping: Callable[[], Any],
    logger: Callable[[], Any],
    rounds: int,
) -> Times:
    torch.set_num_threads(1)
    times: Times = defaultdict(list)
    for _ in range(rounds):
        for name, make in (("none", none), ("dropped", dropping), ("logged", logger)):
            torch.manual_seed(7)
            start, cpu_start = time.perf_counter(), time.process_time()
            train(make())
            times[name].append(time.perf_counter() - start)
            times[f"{name}, cpu"].append(time.process_time() - cpu_start)
    return times


def _layers() -> torch.nn.Module:
    return torch.nn.Sequential(
        torch.nn.Linear(COLUMNS, 256),
        torch.nn.ReLU(),
        torch.nn.Linear(256, 256),
        torch.nn.ReLU(),
        torch.nn.Linear(256, 1),
    )


def _data() -> torch.utils.data.TensorDataset:
    x = torch.randn(ROWS, COLUMNS, generator=torch.Generator().manual_seed(7))
    return torch.utils.data.TensorDataset(x, x.sum(1, keepdim=True))


if __name__ == "__main__":
    os.environ["MLFLOW_EXPERIMENT_NAME"] = "callbacks"
    main({"lightning": lightning, "transformers": transformers})
