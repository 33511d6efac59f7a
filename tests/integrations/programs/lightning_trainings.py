"""Trainings of Lightning that end in different ways, each logged by a RunstreamLogger.

The first argument is the package, the second the number of processes that train. Prints the ids of
the runs.
"""

import json
import sys
from contextlib import suppress
from importlib import import_module

import torch

pl = import_module(sys.argv[1])
PROCESSES = int(sys.argv[2])

import runstream  # noqa: E402
from runstream.integrations.lightning import RunstreamLogger  # noqa: E402


class Model(pl.LightningModule):
    def __init__(self, error=None):
        super().__init__()
        self.error = error
        self.layer = torch.nn.Linear(4, 1)

    def training_step(self, batch, batch_idx):
        loss = self.layer(batch[0]).square().mean()
        self.log("loss", loss)
        if batch_idx == 2 and self.error is not None:
            raise self.error
        return loss

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)


def train(logger, error=None, **options):
    torch.manual_seed(7)
    data = torch.utils.data.TensorDataset(torch.randn(32, 4))
    model = Model(error)
    options = {"enable_checkpointing": False, "devices": 1} | options
    trainer = pl.Trainer(
        max_epochs=2,
        logger=logger,
        log_every_n_steps=1,
        accelerator="cpu",
        enable_progress_bar=False,
        **options,
    )
    trainer.fit(model, torch.utils.data.DataLoader(data, batch_size=4))
    return model.layer.weight.tolist()


runs = {}
if PROCESSES == 1:
    with runstream.start_run() as run:
        logger = RunstreamLogger(prefix="fold")
        logger.log_hyperparams({"optimizer": {"name": "sgd", "rate": 0.1}, "none": {}})
        with_logger = train(logger)
        logger.log_metrics({"bad": "no number", "good": 1.0}, step=3)
        runs["active"], runs["active_status"] = run.run_id, run.read().info.status
        child = RunstreamLogger(run_name="child")
        with suppress(KeyError):
            train(child, KeyError("a bug of the user"))
        runs["failed"] = child.run_id
    runs["is_identical"] = with_logger == train(False)
    interrupted = RunstreamLogger(tags={"team": "vision"})
    with suppress(KeyboardInterrupt, SystemExit):
        train(interrupted, KeyboardInterrupt())
    runs["interrupted"] = interrupted.run_id
    every = RunstreamLogger(log_model="all")
    every.experiment.set_tag(every.run_id, "by", "the client")
    train(every, enable_checkpointing=True)
    runs["every"] = every.run_id
    print(json.dumps(runs))
else:
    logger = RunstreamLogger()
    train(logger, devices=PROCESSES, strategy="ddp")
    rank = pl.utilities.rank_zero_only.rank
    # By one write, because two processes print at once.
    sys.stdout.write(f"rank {rank} {logger.run_id} {logger.version}\n")
