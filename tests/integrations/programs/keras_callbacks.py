"""Trainings of Keras with callbacks; it goes on from the documented program, and has its data."""

import json

import keras
import numpy as np

import runstream
from runstream.integrations.keras import RunstreamCallback

x = np.random.default_rng(0).normal(size=(64, 4))
y = x.sum(axis=1)


def train(*callbacks):
    keras.utils.set_random_seed(1)
    # Without an input its layers are made with the first batch.
    model = keras.Sequential([keras.layers.Dense(3), keras.layers.Dropout(0.5)])
    model.add(keras.layers.Dense(1))
    model.compile("adam", loss="mse", metrics=["mae"])
    model.fit(x, y, batch_size=16, epochs=3, verbose=0, callbacks=list(callbacks))
    return [array.tolist() for array in model.get_weights()]


plain = train()
with runstream.start_run() as run:
    logged = train(RunstreamCallback(log_every_epoch=False, log_every_n_steps=3))
try:
    RunstreamCallback(log_every_epoch=False, log_every_n_steps=0)
except runstream.InvalidArgument as error:
    text = str(error)
told = {"identical": plain == logged, "batches": run.run_id, "error": text}
print(json.dumps(told))
