"""Autologging of XGBoost, LightGBM and CatBoost."""

from __future__ import annotations

import json

import pytest

from runstream import Run, TrackingClient
from support.frameworks import PROGRAMS, Frameworks

PROGRAM = (PROGRAMS / "boosting_autologging.py").read_text()

COLUMNS = ["one", "two", "three", "four"]
TENSOR = {"dtype": "float64", "shape": [-1, 4]}


def _steps(client: TrackingClient, run: Run, key: str) -> list[int]:
    return [point.step for point in client.get_metric_history(run.info.run_id, key)]


def _models(client: TrackingClient, run_id: str) -> list[str]:
    models = client.search_logged_models(["0"], f"source_run_id = '{run_id}'")
    return [model.model_id for model in models if model.status == "READY"]


def _datasets(run: Run) -> list[tuple[str, str]]:
    inputs = run.inputs.dataset_inputs
    return [(item.dataset.name, item.tags["mlflow.data.context"]) for item in inputs]


@pytest.mark.parametrize("environment", ["trees", "trees-lowest"])
def test_trainings_are_the_same_and_their_params_metrics_models_and_data_are_logged(
    frameworks: Frameworks, client: TrackingClient, environment: str
) -> None:
    told = json.loads(frameworks.run(environment, PROGRAM).splitlines()[-1])
    assert set(told["identical"].values()) == {True}, told["identical"]
    assert set(told["same_after_loading"].values()) == {True}, told["same_after_loading"]
    assert told["is_put_back"]
    assert told["warnings"] == []
    runs = {name: client.get_run(run_id) for name, run_id in told["runs"].items()}
    assert client.count_runs(["0"]) == len(runs) + 3  # what scikit-learn fits for itself has none
    for name, run in runs.items():
        library = name.partition(".")[0]
        assert (run.info.status, run.data.tags["mlflow.autologging"]) == ("FINISHED", library)
        [model_id] = _models(client, run.info.run_id)
        signature = json.loads(client.load_text(model_id, "MLmodel"))["signature"]
        inputs, [output] = json.loads(signature["inputs"]), json.loads(signature["outputs"])
        if name in ("lightgbm.train_lightgbm", "catboost.train_catboost"):  # of arrays
            assert inputs == [{"type": "tensor", "tensor-spec": TENSOR}]
        else:  # of data frames
            columns = [{"type": "double", "name": column, "required": True} for column in COLUMNS]
            assert inputs == columns
        assert output["tensor-spec"]["shape"][0] == -1
        example = client.load_dict(model_id, "input_example.json")
        assert len(example["inputs" if "inputs" in example else "data"]) == 5

    run = runs["xgboost.train_xgboost"]
    wanted = {"eta": "0.5", "eval_metric": "['mae', 'rmse']", "early_stopping_rounds": "2"}
    assert (wanted | {"num_boost_round": "40"}).items() <= run.data.params.items()
    best = told["best"]["xgboost"]
    # The metrics of the best iteration come once more at the end.
    for key in ("train-mae", "train-rmse", "test-mae", "test-rmse"):
        assert _steps(client, run, key) == list(range(best + 4))
        values = [point.value for point in client.get_metric_history(run.info.run_id, key)]
        assert values[best] == values[-1] == run.data.metrics[key]
    assert run.data.metrics["best_iteration"] == best
    assert run.data.metrics["stopped_iteration"] == best + 2
    assert run.data.metrics["best_score"] == run.data.metrics["test-rmse"]
    assert _datasets(run) == [("dataset", "train"), ("train", "eval"), ("test", "eval")]
    gain = client.load_dict(run.info.run_id, "feature_importance_gain.json")
    assert gain.keys() == set(COLUMNS)

    files = {file.path for file in client.list_artifacts(run.info.run_id)}
    for kind in ("weight", "gain"):
        names = {f"feature_importance_{kind}.json", f"feature_importance_{kind}.png"}
        assert names <= files

    run = runs["xgboost.classify_xgboost"]
    wanted = {"objective": "multi:softprob", "num_class": "3", "subsample": "0.5"}
    assert (wanted | {"n_estimators": "4"}).items() <= run.data.params.items()
    assert run.data.tags["estimator_name"] == "XGBClassifier"
    assert run.data.tags["estimator_class"] == "xgboost.sklearn.XGBClassifier"
    assert _steps(client, run, "validation_0-mlogloss") == [0, 1, 2, 3]
    assert _datasets(run)[:2] == [("dataset", "train"), ("validation_0", "eval")]

    run = runs["lightgbm.train_lightgbm"]
    assert {"objective": "regression", "num_boost_round": "40"}.items() <= run.data.params.items()
    best = told["best"]["lightgbm"]
    assert _steps(client, run, "test-l1") == list(range(best + 3))
    assert run.data.metrics["best_iteration"] == best
    assert run.data.metrics["stopped_iteration"] == best + 2
    assert _datasets(run) == [("dataset", "train"), ("test", "eval")]
    split = client.load_dict(run.info.run_id, "feature_importance_split.json")
    assert split.keys() == {"Column_0", "Column_1", "Column_2", "Column_3"}

    run = runs["lightgbm.classify_lightgbm"]
    assert {"subsample": "0.5", "num_class": "3"}.items() <= run.data.params.items()
    assert run.data.tags["estimator_class"] == "lightgbm.sklearn.LGBMClassifier"
    assert _steps(client, run, "training-multi_logloss") == [0, 1, 2, 3]
    assert _datasets(run)[:2] == [("dataset", "train"), ("valid_0", "eval")]

    run = runs["catboost.train_catboost"]
    wanted = {"iterations": "100", "early_stopping_rounds": "2", "loss_function": "RMSE"}
    assert wanted.items() <= run.data.params.items()
    assert 0 < float(run.data.params["learning_rate"]) < 1  # CatBoost has chosen it
    best = told["best"]["catboost"]
    for key in ("learn-RMSE", "validation-RMSE"):
        assert _steps(client, run, key) == list(range(len(_steps(client, run, key))))
    assert run.data.metrics["best_iteration"] == best
    assert _datasets(run) == [("dataset", "train"), ("validation", "eval")]
    file = "feature_importance_prediction_values_change.json"
    assert client.load_dict(run.info.run_id, file).keys() == {"0", "1", "2", "3"}

    run = runs["catboost.classify_catboost"]
    assert run.data.tags["estimator_class"] == "catboost.core.CatBoostClassifier"
    assert _steps(client, run, "learn-MultiClass") == [0, 1, 2, 3]

    for library, (score, accuracy) in told["evaluated"].items():
        run = runs[f"{library}.classify_{library}"]
        classifier = run.data.tags["estimator_name"]
        assert run.data.metrics[f"{classifier}_score_frame"] == score
        assert run.data.metrics["accuracy_score_frame"] == accuracy
        calls = client.load_dict(run.info.run_id, "metric_info.json")
        assert calls["accuracy_score_frame"] == "accuracy_score(y_true=kinds, y_pred=predicted)"

    own = client.get_run(told["own"])
    points = client.get_metric_history(told["own"], "test-rmse")
    steps = [point.step for point in points]
    assert steps == _steps(client, runs["xgboost.train_xgboost"], "test-rmse")
    assert "mlflow.autologging" not in own.data.tags
    assert told["stored"] in _models(client, told["own"])
    assert len(_models(client, told["own"])) == 2
    assert client.get_run(told["failed"]).info.status == "FAILED"
    assert _datasets(client.get_run(told["unevaluated"])) == [("dataset", "train")]


def test_an_outage_is_one_warning_and_changes_no_training(frameworks: Frameworks) -> None:
    frameworks.server.stop()
    told = json.loads(frameworks.run("trees", PROGRAM, "outage").splitlines()[-1])
    assert set(told["identical"].values()) == {True}
    [warning] = told["warnings"]
    assert "does not answer" in warning
    assert "what is logged meanwhile is sent when it takes it again" in warning
