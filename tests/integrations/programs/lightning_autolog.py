"""Trainings of Lightning that end in different ways, under autologging.

The first argument is the package; with a second one, two processes train together. Prints the ids
of the runs.
"""

import json
import sys
from contextlib import suppress
from functools import partial
from importlib import import_module

import torch

import runstream

runstream.autolog(log_models=False)
pl = import_module(sys.argv[1])
callbacks = set()  # of trainers that have trained


class Model(pl.LightningModule):
    def __init__(self, error=None):
        super().__init__()
        self.error = error
        self.layer = torch.nn.Linear(4, 1)

    def training_step(self, batch, batch_idx):
        loss = self.layer(torch.nn.functional.dropout(batch[0])).square().mean()
        self.log("train_loss", loss)
        if batch_idx == 2 and self.error is not None:
            raise self.error
        return loss

    def test_step(self, batch, batch_idx):
        self.log("test_loss", self.layer(batch[0]).square().mean())

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)


def train(error=None, **options):
    torch.manual_seed(7)
    data = torch.utils.data.TensorDataset(torch.randn(32, 4))
    loader = torch.utils.data.DataLoader(data, batch_size=4, shuffle=True)
    model = Model(error)
    trainer = pl.Trainer(
        max_epochs=4,
        accelerator="cpu",
        enable_progress_bar=False,
        enable_checkpointing=False,
        **{"devices": 1, "logger": False, **options},
    )
    trainer.fit(model, loader)
    if options.get("callbacks"):
        trainer.test(model, loader)
    callbacks.update(type(callback).__name__ for callback in trainer.callbacks)
    return model.layer.weight.tolist()


def load_checkpoints():
    """Return the weights after the training, in the last checkpoint and in that of an epoch."""
    runstream.pytorch.autolog(
        log_models=False, checkpoint_save_best_only=False, checkpoint_save_freq="epoch"
    )
    with runstream.start_run() as run:
        weights = train()
        latest = runstream.pytorch.load_checkpoint(Model)
    load = partial(runstream.pytorch.load_checkpoint, Model, run.run_id)
    with suppress(runstream.NotFound):
        load(epoch=4)
        return "an epoch that was not trained"
    with suppress(runstream.InvalidArgument):
        load(epoch=1, global_step=8)
        return "an epoch and a step"
    return [weights, latest.layer.weight.tolist(), load(epoch=1).layer.weight.tolist()]


if len(sys.argv) > 2:
    train(devices=2, strategy="ddp")
    sys.exit()

runs = {}
stop = pl.callbacks.EarlyStopping("train_loss", patience=1, mode="max", min_delta=100.0)
with_autolog = train(callbacks=[stop])
runs["stopped"] = runstream.last_active_run().info.run_id
with suppress(KeyError):
    train(KeyError("a bug of the user"))
runs["failed"] = runstream.last_active_run().info.run_id
with runstream.start_run() as run:
    runstream.log_param("lr", "the user's")
    train()
    runstream.log_metric("after", 1.0)
    runs["active"] = run.run_id
with runstream.start_run() as run:
    from runstream.integrations.lightning import RunstreamLogger

    train(logger=RunstreamLogger(), log_every_n_steps=1)
    runs["with_logger"] = run.run_id
runs["checkpoints"] = load_checkpoints()
runstream.autolog(disable=True)
runs["is_restored"] = not hasattr(pl.Trainer.fit, "_runstream_patch")
stop = pl.callbacks.EarlyStopping("train_loss", patience=1, mode="max", min_delta=100.0)
runs["is_identical"] = with_autolog == train(callbacks=[stop])
runs["callbacks"] = sorted(callbacks)
print(json.dumps(runs))
