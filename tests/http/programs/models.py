"""Models by MLflow's client, of 2.0 or 3: autologging of scikit-learn, log_model and load_model."""

import json

import mlflow
import numpy as np
from sklearn.linear_model import LinearRegression

x = np.arange(40.0).reshape(20, 2)
y = x @ [2.0, 3.0] + 1

mlflow.set_experiment("models")
mlflow.sklearn.autolog()
with mlflow.start_run() as automatic:
    LinearRegression().fit(x, y)
mlflow.sklearn.autolog(disable=True)
loaded = mlflow.sklearn.load_model(f"runs:/{automatic.info.run_id}/model")
assert np.allclose(loaded.predict(x), y)

with mlflow.start_run() as run:
    info = mlflow.sklearn.log_model(LinearRegression().fit(x, y), "regression")
assert np.allclose(mlflow.sklearn.load_model(info.model_uri).predict(x), y)
assert np.allclose(mlflow.pyfunc.load_model(info.model_uri).predict(x), y)
print(json.dumps({"automatic": automatic.info.run_id, "run_id": run.info.run_id}))
