"""Fits of scikit-learn with autologging and without; prints what a test compares, as JSON."""

import json
import multiprocessing

import joblib
import numpy as np
from sklearn import metrics
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

import runstream

data, kinds = load_iris(return_X_y=True)
rows = kinds < 2
data, kinds = data[rows], kinds[rows]


def train():
    np.random.seed(3)
    pipeline = make_pipeline(StandardScaler(), LogisticRegression())
    yield pipeline.fit(data, kinds), data
    yield RandomForestClassifier(5, n_jobs=2).fit(data, kinds), data
    with joblib.parallel_backend("threading"):
        voters = [("svc", SVC()), ("tree", DecisionTreeClassifier())]
        yield VotingClassifier(voters, n_jobs=2).fit(data, kinds), data
    with joblib.parallel_backend("loky"):
        search = GridSearchCV(SVC(), {"C": [0.1, 1, 10]}, cv=3, n_jobs=2)
        yield search.fit(data, kinds), data


def predictions():
    return [joblib.hash((model.predict(given), np.random.random())) for model, given in train()]


without = predictions()
runstream.autolog(silent=True)
run_ids = []
logged = []
for model, given in train():
    run_ids.append(runstream.last_active_run().info.run_id)
    predicted = model.predict(given)
    logged.append(joblib.hash((predicted, np.random.random())))
    metrics.accuracy_score(kinds, predicted)
loaded = runstream.sklearn.load_model(f"runs:/{run_ids[0]}/model")
artifacts = [file.path for file in runstream.list_artifacts(run_id=run_ids[0])]


def train_in_fork(results):
    LogisticRegression().fit(data, kinds)
    runstream.flush()
    results.put(runstream.last_active_run().info.run_id)


context = multiprocessing.get_context("fork")
results = context.Queue()
child = context.Process(target=train_in_fork, args=(results,))
child.start()
of_fork = results.get(timeout=60)
child.join(60)
LogisticRegression().fit(data, kinds)
after_fork = runstream.last_active_run().info.run_id
runstream.autolog(disable=True)
print(
    json.dumps(
        {
            "identical": without == logged,
            "run_ids": run_ids,
            "artifacts": artifacts,
            "loaded": type(loaded).__name__,
            "forked": [child.exitcode, of_fork, after_fork],
        }
    )
)
