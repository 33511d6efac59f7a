"""Estimators that are stored by skops; prints what a test compares, as JSON."""

import json
import os
import pickle
import tempfile
from pathlib import Path

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import FunctionTransformer

import runstream
from runstream.errors import FailedPrecondition

data = np.random.default_rng(0).normal(size=(60, 3))
kinds = (data[:, 0] > 0).astype(int)
same = {}

# What autologging stores, and trees, whose types some versions of skops do not trust.
runstream.sklearn.autolog(serialization_format="skops")
model = LogisticRegression().fit(data, kinds)
run_id = runstream.last_active_run().info.run_id
stored = runstream.sklearn.load_model(f"runs:/{run_id}/model")
same["autolog"] = bool((stored.predict_proba(data) == model.predict_proba(data)).all())
runstream.autolog(disable=True)

forest = RandomForestClassifier(n_estimators=3).fit(data, kinds)
trees = ["sklearn.tree._tree.Tree"]
info = runstream.sklearn.log_model(forest, serialization_format="skops", skops_trusted_types=trees)
stored = runstream.sklearn.load_model(info.model_uri, skops_trusted_types=trees)
same["trees"] = bool((stored.predict_proba(data) == forest.predict_proba(data)).all())
options = info.flavors["sklearn"]
same["options"] = [options[name] for name in ("pickled_model", "skops_trusted_types")]

# What a model calls trusted itself does not count.
info = runstream.sklearn.log_model(
    FunctionTransformer(os.system),
    serialization_format="skops",
    skops_trusted_types=["posix.system"],
)
try:
    runstream.sklearn.load_model(info.model_uri)
except FailedPrecondition as error:
    same["refused"] = str(error)


class Trap:
    def __reduce__(self):
        return os.mkdir, ("trap",)


folder = Path(tempfile.mkdtemp())
(folder / "model.skops").write_bytes(pickle.dumps(Trap()))
options = {"serialization_format": "skops", "pickled_model": "model.skops"}
(folder / "MLmodel").write_text(json.dumps({"flavors": {"sklearn": options}}))
try:
    runstream.sklearn.load_model(folder)
except Exception as error:
    same["trap"] = [type(error).__name__, os.path.exists("trap")]
runstream.end_run()
print(json.dumps(same))
