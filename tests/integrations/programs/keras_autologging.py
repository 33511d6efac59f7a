"""Trainings of Keras without autologging and with it."""

import json
import logging
import sys
import time

import keras
import numpy as np
import torch

import runstream

x = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
y = x.sum(axis=1)


def train(callbacks=None):
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(8, activation="relu")])
    model.add(keras.layers.Dropout(0.2))
    model.add(keras.layers.Dense(1))
    model.compile(keras.optimizers.Adam(0.05), loss="mse", metrics=["mae"])
    # It gets worse with each epoch, and its best weights are those of the first.
    stopping = keras.callbacks.EarlyStopping("val_loss", patience=2, restore_best_weights=True)
    given = [stopping] if callbacks is None else callbacks
    model.fit(x, y, 16, 10, verbose=0, validation_data=(x[:16], 100 - 10 * y[:16]), callbacks=given)
    return model


def weights(model):
    return [array.tolist() for array in model.get_weights()]


warnings = []
handler = logging.Handler()
handler.emit = lambda record: warnings.append(record.getMessage())
logging.getLogger("runstream").addHandler(handler)

if "outage" in sys.argv:
    plain = train()
    runstream.keras.autolog()
    start = time.monotonic()
    logged = [train(), train()]
    seconds = time.monotonic() - start
    identical = all(weights(model) == weights(plain) for model in logged)
    print(json.dumps({"identical": identical, "warnings": warnings, "seconds": seconds}))
    sys.exit()

plain, plain_step = train(), train([])
fit = keras.Model.fit
runstream.keras.autolog(log_input_examples=True)
logged = train()
stopped = runstream.last_active_run().info.run_id
loaded = runstream.keras.load_model(f"runs:/{stopped}/model")

runstream.keras.autolog(log_every_epoch=False, log_every_n_steps=5, log_models=False)
given = []
step_logged = train(given)
batches = runstream.last_active_run().info.run_id

data = torch.utils.data.TensorDataset(torch.tensor(x), torch.tensor(y))
loader = torch.utils.data.DataLoader(data, batch_size=8)
model = keras.Sequential([keras.layers.Dense(1)])
model.compile("sgd", loss="mse")
model.fit(loader, verbose=0)
of_loader = runstream.last_active_run().info.run_id

runstream.keras.autolog(disable=True)
told = {
    "identical": weights(plain) == weights(logged) and weights(plain_step) == weights(step_logged),
    "same_after_loading": weights(loaded) == weights(plain),
    "callbacks": len(given),
    "stopped": stopped,
    "batches": batches,
    "of_loader": of_loader,
    "is_put_back": keras.Model.fit == fit,
    "warnings": warnings,
}
print(json.dumps(told))
