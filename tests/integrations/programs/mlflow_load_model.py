"""Models that autologging stores, read by MLflow: of each, whether it predicts the same."""

import json
import sys

import mlflow
import numpy as np
import pandas as pd

import runstream

runstream.autolog()
rng = np.random.default_rng(0)
frame = pd.DataFrame(rng.normal(size=(60, 3)), columns=["a", "b", "c"])
kinds = (frame["a"] > 0).to_numpy().astype(int)
same = {}


def compare(name, flavor, expected, predict=lambda model: model.predict(frame)):
    """Read the model of the last run as one of its framework, and as one of any framework."""
    runstream.flush()
    run_id = runstream.last_active_run().info.run_id
    [model] = runstream.search_logged_models(
        filter_string=f"source_run_id = '{run_id}'", output_format="list"
    )
    folder = runstream.TrackingClient().download_artifacts(model.model_id, "", name)
    read = [predict(flavor.load_model(folder)), mlflow.pyfunc.load_model(folder).predict(frame)]
    same[name] = [bool(np.allclose(np.ravel(one), np.ravel(expected))) for one in read]


if "trees" in sys.argv:
    import catboost
    import lightgbm
    import sklearn.linear_model
    import xgboost

    for name, flavor, model in [
        ("sklearn", mlflow.sklearn, sklearn.linear_model.LogisticRegression()),
        ("xgboost", mlflow.xgboost, xgboost.XGBClassifier(n_estimators=3)),
        ("lightgbm", mlflow.lightgbm, lightgbm.LGBMClassifier(n_estimators=3, verbose=-1)),
        ("catboost", mlflow.catboost, catboost.CatBoostClassifier(iterations=3, verbose=False)),
    ]:
        compare(name, flavor, model.fit(frame, kinds).predict(frame))

    runstream.sklearn.autolog(serialization_format="skops")
    model = sklearn.linear_model.LogisticRegression().fit(frame, kinds)
    compare("sklearn of skops", mlflow.sklearn, model.predict(frame))

    matrix = xgboost.DMatrix(frame, kinds)
    booster = xgboost.train({}, matrix, 3)
    expected = booster.predict(matrix)
    compare("xgboost booster", mlflow.xgboost, expected, lambda read: read.predict(matrix))
    booster = lightgbm.train({"verbose": -1}, lightgbm.Dataset(frame, kinds), 3)
    compare("lightgbm booster", mlflow.lightgbm, booster.predict(frame))
else:
    import torch
    from lightning.pytorch import LightningModule, Trainer

    class Linear(LightningModule):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(3, 1)

        def forward(self, x):
            return self.layer(x)

        def training_step(self, batch):
            return self(batch).square().mean()

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0.1)

    x = torch.tensor(frame.to_numpy(), dtype=torch.float32)
    trained = Linear()
    trainer = Trainer(max_epochs=1, logger=False, enable_checkpointing=False, accelerator="cpu")
    trainer.fit(trained, torch.utils.data.DataLoader(x, batch_size=20))
    expected = trained(x).detach().numpy()
    compare("pytorch", mlflow.pytorch, expected, lambda model: model(x).detach().numpy())

print(json.dumps(same))
