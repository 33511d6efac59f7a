"""Trainings of boosting libraries without autologging and with it, and what should be logged."""

import json
import logging
import sys

import catboost
import lightgbm
import numpy as np
import pandas as pd
import sklearn.metrics
import xgboost
from sklearn.model_selection import cross_val_score

import runstream
from runstream.integrations.xgboost import RunstreamCallback

rng = np.random.default_rng(0)
x = rng.normal(size=(300, 4))
y = x.sum(axis=1) + rng.normal(size=300)
kinds = (y > 0).astype(int) + (y > 1)
frame = pd.DataFrame(x, columns=["one", "two", "three", "four"])


def train_xgboost(callbacks=None):
    train, test = xgboost.DMatrix(frame[:200], y[:200]), xgboost.DMatrix(frame[200:], y[200:])
    return xgboost.train(
        {"eta": 0.5, "subsample": 0.5, "seed": 3, "eval_metric": ["mae", "rmse"]},
        train,
        40,
        evals=[(train, "train"), (test, "test")],
        early_stopping_rounds=2,
        verbose_eval=False,
        callbacks=callbacks,
    )


def classify_xgboost():
    model = xgboost.XGBClassifier(n_estimators=4, subsample=0.5, random_state=3)
    return model.fit(frame, kinds, eval_set=[(frame, kinds)], verbose=False)


def train_lightgbm():
    train = lightgbm.Dataset(x[:200], y[:200])
    return lightgbm.train(
        {"objective": "regression", "metric": "l1", "verbosity": -1, "learning_rate": 0.5},
        train,
        40,
        valid_sets=[lightgbm.Dataset(x[200:], y[200:], reference=train)],
        valid_names=["test"],
        callbacks=[lightgbm.early_stopping(2, verbose=False)],
    )


def classify_lightgbm():
    model = lightgbm.LGBMClassifier(n_estimators=4, verbose=-1, random_state=3, subsample=0.5)
    return model.fit(frame, kinds, eval_set=[(frame, kinds)])


def train_catboost():
    model = catboost.CatBoostRegressor(
        iterations=100, random_seed=3, verbose=False, allow_writing_files=False
    )
    test = catboost.Pool(x[200:], y[200:])
    return model.fit(x[:200], y[:200], eval_set=test, early_stopping_rounds=2)


def classify_catboost():
    model = catboost.CatBoostClassifier(
        iterations=4, random_seed=3, verbose=False, allow_writing_files=False
    )
    return model.fit(frame, kinds)


TRAININGS = {
    "xgboost": (train_xgboost, classify_xgboost),
    "lightgbm": (train_lightgbm, classify_lightgbm),
    "catboost": (train_catboost, classify_catboost),
}


def content(model):
    """Return all that a model has learned."""
    if isinstance(model, (xgboost.Booster, xgboost.XGBModel)):
        booster = model.get_booster() if isinstance(model, xgboost.XGBModel) else model
        return booster.save_raw("json")
    if isinstance(model, (lightgbm.Booster, lightgbm.LGBMModel)):
        booster = model.booster_ if isinstance(model, lightgbm.LGBMModel) else model
        return booster.model_to_string()
    return [model.predict(x, prediction_type="RawFormulaVal").tolist(), model.tree_count_]


def run_all():
    return {
        f"{library}.{training.__name__}": training()
        for library, trainings in TRAININGS.items()
        for training in trainings
    }


def patched():
    """Return some of what autologging replaces."""
    fits = [xgboost.train, xgboost.XGBClassifier.fit, lightgbm.train, lightgbm.LGBMClassifier.fit]
    fits += [catboost.CatBoostClassifier.fit, catboost.CatBoostClassifier.score]
    return [*fits, sklearn.metrics.accuracy_score, xgboost.XGBClassifier.score]


plain = run_all()
originals = patched()
runstream.autolog(log_input_examples=True)
warnings = []
handler = logging.Handler()
handler.emit = lambda record: warnings.append(record.getMessage())
logging.getLogger("runstream").addHandler(handler)

if "outage" in sys.argv:
    logged = run_all()
    identical = {name: content(plain[name]) == content(logged[name]) for name in plain}
    print(json.dumps({"identical": identical, "warnings": warnings}))
    sys.exit()

logged, runs, loaded = {}, {}, {}
for name in plain:
    library, _, function = name.partition(".")
    logged[name] = globals()[function]()
    run = runstream.last_active_run()
    runs[name] = run.info.run_id
    runstream.flush()
    load = getattr(runstream, library).load_model
    loaded[name] = load(f"runs:/{run.info.run_id}/model")
identical = {name: content(plain[name]) == content(logged[name]) for name in plain}
same_after_loading = {name: content(plain[name]) == content(loaded[name]) for name in plain}

runstream.sklearn.autolog(disable=True)  # the metrics of boosters are logged by their own libraries
evaluated = {}
for library in TRAININGS:
    model = logged[f"{library}.classify_{library}"]
    predicted = model.predict(frame)
    accuracy = sklearn.metrics.accuracy_score(kinds, predicted)
    evaluated[library] = [model.score(frame, kinds), accuracy]

with runstream.start_run() as own:
    train_xgboost([RunstreamCallback()])  # it does what autologging would
    stored = runstream.catboost.log_model(plain["catboost.train_catboost"], tags={"by": "hand"})
try:
    xgboost.train({"objective": "unknown"}, xgboost.DMatrix(x, y))
except xgboost.core.XGBoostError:
    failed = runstream.last_active_run().info.run_id

lightgbm.LGBMRegressor(n_estimators=2, verbose=-1).fit(x, y)  # without an evaluation set
unevaluated = runstream.last_active_run().info.run_id
for kind in (xgboost.XGBClassifier, lightgbm.LGBMClassifier):
    cross_val_score(kind(n_estimators=2, verbosity=0), x, y > 0, cv=2)

runstream.autolog(disable=True)
told = {
    "identical": identical,
    "same_after_loading": same_after_loading,
    "runs": runs,
    "own": own.run_id,
    "failed": failed,
    "unevaluated": unevaluated,
    "evaluated": evaluated,
    "stored": stored.model_id,
    "warnings": warnings,
    "is_put_back": patched() == originals,
    "best": {
        "xgboost": plain["xgboost.train_xgboost"].best_iteration,
        "lightgbm": plain["lightgbm.train_lightgbm"].best_iteration,
        "catboost": plain["catboost.train_catboost"].get_best_iteration(),
    },
}
print(json.dumps(told))
