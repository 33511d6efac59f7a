"""A small hyper-parameter sweep that trains real models and logs them over the stream.

Starts a server on a free port and a fresh SQLite file, trains linear models by stochastic gradient
descent on scikit-learn's diabetes data, reads the sweep back from the server, and compares every
point that it reads with what was logged. Ends with status 1 if anything differs.

    python examples/diabetes_sweep.py
"""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_diabetes
from sklearn.linear_model import SGDRegressor
from sklearn.metrics import mean_absolute_error, mean_squared_error
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

import runstream

EPOCHS = 50
LEARNING_RATES = (0.0001, 0.001, 0.01, 0.1)
PENALTIES = ("l2", "l1")

# What was logged: by run id and metric, the values of the steps 0, 1, 2, ...
Logged = dict[str, dict[str, list[float]]]

Array = NDArray[np.float64]


def main() -> int:
    folder = Path(tempfile.mkdtemp(prefix="runstream-demo-"))
    # What a run keeps of its program is stored a second later, when this server may be gone.
    os.environ["RUNSTREAM_SOURCE"] = "none"
    server, uri = start_server(folder)
    try:
        print(f"server  {uri}, storing in {folder / 'demo.db'}")
        runstream.set_tracking_uri(uri)
        runstream.set_experiment("diabetes")
        parent, logged = sweep()
        show(parent, logged)
        return check(logged)
    finally:
        server.terminate()
        server.wait()


def start_server(folder: Path) -> tuple[subprocess.Popen[str], str]:
    """Return the process, and the tracking URI that it prints when it accepts calls."""
    database = f"sqlite:///{folder / 'demo.db'}"
    command = [sys.executable, "-m", "runstream", "server", "--database", database]
    command += ["--port", "0", "--http-port", "0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    greeting = server.stdout.readline()
    if not greeting:
        raise SystemExit("the server did not start; its message is above")
    return server, greeting.split("listening on ")[1].split(",")[0]


def sweep() -> tuple[str, Logged]:
    """Train one model for each setting, each in a child run; return the parent and the points."""
    data = load_diabetes()
    split = train_test_split(data.data, data.target / data.target.std(), random_state=0)
    scaler = StandardScaler().fit(split[0])
    x, x_val, y, y_val = scaler.transform(split[0]), scaler.transform(split[1]), split[2], split[3]
    logged: Logged = {}
    with runstream.start_run(run_name="sweep", description="SGD on the diabetes data") as parent:
        runstream.log_params({"epochs": EPOCHS, "rows": len(x)})
        settings = list(itertools.product(LEARNING_RATES, PENALTIES))
        for number, (rate, penalty) in enumerate(settings, 1):
            with runstream.start_run(run_name=f"{penalty}-{rate}", nested=True) as run:
                runstream.log_params({"learning_rate": rate, "penalty": penalty})
                runstream.set_tag("model", "SGDRegressor")
                history = train(x, y, x_val, y_val, rate, penalty)
            logged[run.info.run_id] = history
            final = history["val_loss"][-1]
            print(f"run {number}/{len(settings)}  {run.info.run_name:12} val_loss {final:.4f}")
        best = min(history["val_loss"][-1] for history in logged.values())
        runstream.log_metric("best_val_loss", best)
        logged[parent.info.run_id] = {"best_val_loss": [best]}
    return parent.info.run_id, logged


def train(
    x: Array, y: Array, x_val: Array, y_val: Array, rate: float, penalty: str
) -> dict[str, list[float]]:
    """Train for some epochs, logging four metrics after each; return what was logged."""
    model = SGDRegressor(
        learning_rate="constant", eta0=rate, penalty=penalty, alpha=0.01, random_state=0
    )
    history: dict[str, list[float]] = defaultdict(list)
    for epoch in range(EPOCHS):
        model.partial_fit(x, y)
        predicted, predicted_val = model.predict(x), model.predict(x_val)
        metrics = {
            "loss": float(mean_squared_error(y, predicted)),
            "mae": float(mean_absolute_error(y, predicted)),
            "val_loss": float(mean_squared_error(y_val, predicted_val)),
            "val_mae": float(mean_absolute_error(y_val, predicted_val)),
        }
        runstream.log_metrics(metrics, step=epoch)
        for key, value in metrics.items():
            history[key].append(value)
    return history


def show(parent: str, logged: Logged) -> None:
    """Print the sweep as the server has it, the best run first."""
    runs = [runstream.get_run(run_id) for run_id in logged]
    children = [run for run in runs if run.data.tags.get("mlflow.parentRunId") == parent]
    head = f"{'run':12}  {'learning_rate':>13}  {'penalty':>7}  {'val_loss':>8}  {'val_mae':>8}"
    print(f"\n{head}  status")
    for run in sorted(children, key=lambda run: run.data.metrics["val_loss"]):
        metrics, params = run.data.metrics, run.data.params
        print(
            f"{run.info.run_name:12}  {params['learning_rate']:>13}  {params['penalty']:>7}  "
            f"{metrics['val_loss']:8.4f}  {metrics['val_mae']:8.4f}  {run.info.status}"
        )


def check(logged: Logged) -> int:
    """Compare every point on the server with what was logged; return the exit status."""
    points = 0
    with runstream.TrackingClient() as client:
        for run_id, history in logged.items():
            stored: dict[str, list[tuple[int, float]]] = defaultdict(list)
            for part in client.read_metric_history(run_id):
                stored[part.key] += zip(part.step, part.value, strict=True)
            if stored != {key: list(enumerate(values)) for key, values in history.items()}:
                print(f"demo: run {run_id} differs from what was logged", file=sys.stderr)
                return 1
            points += sum(map(len, stored.values()))
    print(f"\ndemo: {len(logged)} runs, {points} points, all read back")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
