"""Trainings of boosting libraries with callbacks, and what should be logged of them."""

import json

import catboost
import lightgbm
import numpy as np
import xgboost

import runstream
from runstream.integrations import catboost as for_catboost
from runstream.integrations import lightgbm as for_lightgbm
from runstream.integrations import xgboost as for_xgboost

rng = np.random.default_rng(0)
x = rng.normal(size=(300, 4))
y = x.sum(axis=1) + rng.normal(size=300)
expected, runs, identical = {}, {}, {}


def xgboost_training(*callbacks):
    train, test = xgboost.DMatrix(x[:200], y[:200]), xgboost.DMatrix(x[200:], y[200:])
    results = {}
    model = xgboost.train(
        {"eta": 0.5, "subsample": 0.5, "seed": 3},
        train,
        40,
        evals=[(train, "train"), (test, "test")],
        evals_result=results,
        verbose_eval=False,
        # It stops the training before the callback after it hears of the last iteration.
        callbacks=[xgboost.callback.EarlyStopping(2, save_best=True), *callbacks],
    )
    return model, results


def lightgbm_training(*callbacks):
    model = lightgbm.LGBMRanker(n_estimators=5, verbose=-1, min_child_samples=5, random_state=3)
    relevance = (y > 0).astype(int) + (y > 1)
    model.fit(
        x,
        relevance,
        group=[10] * 30,
        eval_set=[(x, relevance)],
        eval_group=[[10] * 30],
        eval_at=[3],
        callbacks=list(callbacks),
    )
    return model


def catboost_training(*callbacks):
    model = catboost.CatBoostRegressor(
        iterations=8, metric_period=5, random_seed=3, verbose=False, allow_writing_files=False
    )
    return model.fit(x, y, callbacks=list(callbacks) or None)


with runstream.start_run() as run:
    plain, _ = xgboost_training()
    model, results = xgboost_training(for_xgboost.RunstreamCallback())
    identical["xgboost"] = plain.save_raw() == model.save_raw()
    best = model.best_iteration
    # Further iterations of the same model, numbered on.
    further = {}
    count = model.num_boosted_rounds()
    xgboost.train(
        {"seed": 3},
        xgboost.DMatrix(x, y),
        2,
        evals=[(xgboost.DMatrix(x, y), "all")],
        evals_result=further,
        xgb_model=model,
        verbose_eval=False,
        callbacks=[for_xgboost.RunstreamCallback()],
    )
    validation = xgboost.cv(
        {"seed": 3},
        xgboost.DMatrix(x, y),
        3,
        metrics=["mae"],
        callbacks=[for_xgboost.RunstreamCallback()],
    )
runs["xgboost"] = run.run_id
rows = {f"{data}-rmse": results[data]["rmse"] for data in results}
expected["xgboost"] = {key: (list(range(len(values))), values) for key, values in rows.items()}
expected["xgboost"]["all-rmse"] = ([count, count + 1], further["all"]["rmse"])
for column in validation:
    values = validation[column].tolist()
    if column not in expected["xgboost"]:
        expected["xgboost"][column] = ([0, 1, 2], values)

with runstream.start_run() as run:
    plain = lightgbm_training()
    model = lightgbm_training(for_lightgbm.RunstreamCallback())
    identical["lightgbm"] = plain.booster_.model_to_string() == model.booster_.model_to_string()
    data = lightgbm.Dataset(x, y)
    folds = lightgbm.cv(
        {"objective": "regression", "verbosity": -1, "seed": 3},
        data,
        3,
        stratified=False,
        callbacks=[for_lightgbm.RunstreamCallback()],
    )
runs["lightgbm"] = run.run_id
[(name, values)] = [
    (f"{data}-{metric}", values)
    for data, metrics in model.evals_result_.items()
    for metric, values in metrics.items()
]
expected["lightgbm"] = {name: (list(range(5)), values)}
for key, values in folds.items():
    expected["lightgbm"][key.replace(" ", "-")] = ([0, 1, 2], values)

with runstream.start_run() as run:
    plain = catboost_training()
    model = catboost_training(for_catboost.RunstreamCallback())
    identical["catboost"] = bool((plain.predict(x) == model.predict(x)).all())
runs["catboost"] = run.run_id
expected["catboost"] = {"learn-RMSE": ([0, 5, 7], model.evals_result_["learn"]["RMSE"])}

print(json.dumps({"identical": identical, "runs": runs, "expected": expected, "best": best}))
