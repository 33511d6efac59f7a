"""Autologging: a fit of scikit-learn logs its run by itself.

python examples/tracking/autolog_sklearn.py
"""

from pprint import pprint

from sklearn.datasets import load_diabetes
from sklearn.ensemble import RandomForestRegressor
from sklearn.model_selection import train_test_split

import runstream

runstream.set_experiment("autologging")
runstream.autolog()

data = load_diabetes()
X_train, X_test, y_train, y_test = train_test_split(data.data, data.target, random_state=1)
forest = RandomForestRegressor(n_estimators=100, max_depth=6, max_features=3, random_state=1)
forest.fit(X_train, y_train)
forest.score(X_test, y_test)

run = runstream.last_active_run()
assert run is not None
pprint({key: run.data.params[key] for key in ("max_depth", "max_features", "n_estimators")})
pprint(run.data.metrics)
pprint({key: value for key, value in run.data.tags.items() if key.startswith("estimator")})
