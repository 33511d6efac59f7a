"""Trainings of scikit-learn are logged by themselves, and give what they give without it."""

from __future__ import annotations

import inspect
import json
import logging
import pickle
import threading
import time
from typing import Any

import numpy as np
import pytest
from scipy import sparse  # type: ignore[import-untyped]
from sklearn import metrics
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin, clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import RandomForestRegressor, VotingClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, RidgeClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

import runstream
from runstream.autologging.sklearn import fitting
from support.ports import reserve_port

DATA, TARGET = load_diabetes(return_X_y=True)
IRIS, KIND = load_iris(return_X_y=True)


def last_run() -> runstream.Run:
    run = runstream.last_active_run()
    assert run is not None
    return run


def all_runs() -> list[runstream.Run]:
    return runstream.search_runs(output_format="list")


@pytest.mark.usefixtures("autologging")
def test_a_fit_starts_a_run_with_its_params_metrics_and_tags_and_ends_it() -> None:
    runstream.autolog()
    forest = RandomForestRegressor(n_estimators=10, max_depth=6, max_features=3, random_state=1)
    assert forest.fit(DATA, TARGET) is forest
    assert runstream.active_run() is None
    run = last_run()
    predicted = forest.predict(DATA)
    assert run.info.status == "FINISHED"
    assert {key: run.data.params[key] for key in ("n_estimators", "max_depth", "criterion")} == {
        "n_estimators": "10",
        "max_depth": "6",
        "criterion": "squared_error",
    }
    assert run.data.params.keys() == forest.get_params().keys()
    assert run.data.metrics == pytest.approx(
        {
            "training_mean_squared_error": metrics.mean_squared_error(TARGET, predicted),
            "training_root_mean_squared_error": metrics.mean_squared_error(TARGET, predicted)
            ** 0.5,
            "training_mean_absolute_error": metrics.mean_absolute_error(TARGET, predicted),
            "training_r2_score": metrics.r2_score(TARGET, predicted),
            "training_score": forest.score(DATA, TARGET),
        }
    )
    assert run.data.tags["estimator_name"] == "RandomForestRegressor"
    assert run.data.tags["estimator_class"] == "sklearn.ensemble._forest.RandomForestRegressor"
    assert run.data.tags["mlflow.autologging"] == "sklearn"
    [dataset] = run.inputs.dataset_inputs
    assert dataset.tags == {"mlflow.data.context": "train"}
    assert dataset.dataset.digest == runstream.data.from_numpy(DATA, targets=TARGET).digest
    importances = runstream.load_dict("feature_importances.json", run_id=run.info.run_id)
    assert list(importances.values()) == sorted(forest.feature_importances_, reverse=True)


@pytest.mark.usefixtures("autologging")
def test_a_fit_within_a_run_of_the_user_is_logged_to_it_and_leaves_it_open() -> None:
    runstream.sklearn.autolog()
    with runstream.start_run() as run:
        LinearRegression().fit(DATA, TARGET)
        assert runstream.active_run() is run
        runstream.log_metric("mine", 1)
    stored = run.read()
    assert stored.data.metrics.keys() > {"mine", "training_r2_score"}
    assert stored.data.params["fit_intercept"] == "True"
    assert len(all_runs()) == 1


@pytest.mark.usefixtures("autologging")
def test_a_param_that_a_second_training_changes_is_a_warning_and_no_error_of_the_run(
    caplog: pytest.LogCaptureFixture,
) -> None:
    runstream.sklearn.autolog(log_models=False)
    with runstream.start_run() as run:
        Ridge(alpha=1).fit(DATA, TARGET)
        Ridge(alpha=2).fit(DATA, TARGET)
    assert run.read().data.params["alpha"] == "1"
    [record] = caplog.records
    assert "params.alpha of run" in record.message
    assert "is already '1'" in record.message


@pytest.mark.usefixtures("autologging")
def test_exclusive_leaves_runs_of_the_user_alone() -> None:
    runstream.autolog(exclusive=True)
    with runstream.start_run() as run:
        LinearRegression().fit(DATA, TARGET)
    assert run.read().data.params == {}
    LinearRegression().fit(DATA, TARGET)
    assert len(all_runs()) == 2


@pytest.mark.usefixtures("autologging")
@pytest.mark.parametrize("n_jobs", [None, 2])
def test_what_a_meta_estimator_fits_is_part_of_its_run_in_other_threads_too(
    n_jobs: int | None,
) -> None:
    runstream.autolog(log_models=False)
    voters = [("ridge", RidgeClassifier()), ("tree", DecisionTreeClassifier())]
    import joblib

    with joblib.parallel_backend("threading"):
        VotingClassifier(voters, n_jobs=n_jobs).fit(IRIS, KIND)
    [run] = all_runs()
    assert run.data.tags["estimator_name"] == "VotingClassifier"
    assert run.data.params["ridge__alpha"] == "1.0"


@pytest.mark.usefixtures("autologging")
def test_a_pipeline_logs_deep_params_and_long_ones_whole() -> None:
    runstream.autolog(log_models=False)
    steps = [(f"step_{i}_{'x' * 80}", StandardScaler()) for i in range(30)]
    Pipeline(steps).fit_transform(DATA)
    params = last_run().data.params
    assert params[f"{steps[29][0]}__with_mean"] == "True"
    assert len(params["steps"]) > 3_000
    assert "..." not in params["steps"]


@pytest.mark.usefixtures("autologging")
def test_a_fit_that_raises_raises_the_same_and_its_run_is_failed() -> None:
    runstream.autolog()
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        LinearRegression().fit(DATA, TARGET[:3])
    assert last_run().info.status == "FAILED"


@pytest.mark.usefixtures("autologging")
def test_disabling_puts_back_the_very_same_objects() -> None:
    def attributes() -> dict[str, Any]:
        return {
            "fit": vars(LinearRegression)["fit"],
            "score": vars(ClassifierMixin)["score"],
            "delegated": vars(Pipeline)["fit_transform"],
            "delegated predict": vars(Pipeline)["predict"].fn,
            "init_subclass": vars(BaseEstimator).get("__init_subclass__"),
            "metric": metrics.r2_score,
        }

    before = attributes()
    runstream.autolog()
    during = attributes()
    assert all(during[name] is not before[name] for name in before if name != "delegated")
    runstream.autolog(disable=True)
    after = attributes()
    assert all(after[name] is before[name] for name in before)
    LinearRegression().fit(DATA, TARGET)
    assert all_runs() == []


@pytest.mark.usefixtures("autologging")
def test_estimators_are_inspected_cloned_and_pickled_as_before() -> None:
    model = Ridge(alpha=3)
    signature = inspect.signature(model.fit)
    runstream.autolog(log_models=False)
    assert inspect.signature(model.fit) == signature
    assert inspect.isfunction(Ridge.fit)
    assert inspect.ismethod(model.fit)
    assert pickle.loads(pickle.dumps(Ridge.fit)) is Ridge.fit
    fit = pickle.loads(pickle.dumps(model.fit))
    assert fit(DATA, TARGET).alpha == clone(model).alpha == 3
    assert b"runstream" not in pickle.dumps(model.fit(DATA, TARGET))


@pytest.mark.usefixtures("autologging")
def test_an_estimator_of_the_user_that_is_defined_later_is_logged_too() -> None:
    runstream.autolog(log_models=False)

    class Majority(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
        def fit(self, X: Any, y: Any) -> Majority:  # noqa: ARG002, N803 - as scikit-learn calls it
            self.classes_, counts = np.unique(y, return_counts=True)
            self.choice_ = self.classes_[counts.argmax()]
            return self

        def predict(self, X: Any) -> Any:  # noqa: N803
            return np.full(len(X), self.choice_)

    Majority().fit(IRIS, KIND)
    assert last_run().data.tags["estimator_name"] == "Majority"
    assert last_run().data.metrics["training_accuracy_score"] == pytest.approx(1 / 3)


@pytest.mark.usefixtures("autologging")
def test_a_search_has_a_child_run_for_each_of_the_best_candidates_and_a_table_of_all() -> None:
    runstream.sklearn.autolog(max_tuning_runs=3, registered_model_name="iris")
    search = GridSearchCV(SVC(), {"C": [0.1, 1, 10], "kernel": ["linear", "rbf"]}, cv=3)
    search.fit(IRIS, KIND)
    parent = last_run()
    assert parent.data.params["best_C"] == str(search.best_params_["C"])
    assert parent.data.metrics["best_cv_score"] == search.best_score_
    children = [run for run in all_runs() if "mlflow.parentRunId" in run.data.tags]
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {parent.info.run_id}
    assert {run.data.tags["estimator_name"] for run in children} == {"SVC"}
    best = sorted(search.cv_results_["mean_test_score"])[-3:]
    assert sorted(run.data.metrics["mean_test_score"] for run in children) == best
    assert all(run.data.params.keys() == SVC().get_params().keys() for run in children)
    table = runstream.load_text("cv_results.csv", run_id=parent.info.run_id).splitlines()
    assert len(table) == 7
    assert "mean_test_score" in table[0].split(",")
    best_model = runstream.sklearn.load_model(f"runs:/{parent.info.run_id}/best_estimator")
    assert best_model.get_params() == search.best_estimator_.get_params()
    [version] = runstream.search_model_versions(filter_string="name = 'iris'")
    assert version.run_id == parent.info.run_id
    registered = runstream.sklearn.load_model("models:/iris/1")
    assert registered.best_params_ == search.best_params_


@pytest.mark.usefixtures("autologging")
def test_processes_of_joblib_get_an_estimator_that_the_program_defines() -> None:
    runstream.autolog(log_models=False)

    class Scale(TransformerMixin, BaseEstimator):  # type: ignore[misc]
        def __init__(self, by: float = 1) -> None:
            self.by = by

        def fit(self, X: Any, y: Any = None) -> Scale:  # noqa: ARG002, N803 - as it is called
            return self

        def transform(self, X: Any) -> Any:  # noqa: N803
            return X * self.by

    model = make_pipeline(Scale(), RidgeClassifier())
    search = GridSearchCV(model, {"scale__by": [0.5, 1]}, n_jobs=2, cv=2).fit(IRIS, KIND)
    assert last_run().data.metrics["best_cv_score"] == search.best_score_


@pytest.mark.usefixtures("autologging")
def test_a_search_that_does_not_refit_has_no_model_to_measure_and_no_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    runstream.autolog()
    GridSearchCV(SVC(), {"C": [1, 2]}, cv=3, refit=False).fit(IRIS, KIND)
    assert last_run().data.metrics.keys() == {"best_cv_score"}
    assert len(all_runs()) == 3
    assert caplog.records == []


@pytest.mark.usefixtures("autologging")
def test_importances_of_features_are_a_figure_too() -> None:
    runstream.autolog()
    DecisionTreeClassifier().fit(IRIS, KIND)
    files = [file.path for file in runstream.list_artifacts(run_id=last_run().info.run_id)]
    names = ["feature_importances.json", "feature_importances.png", "training_confusion_matrix.png"]
    assert files == names


@pytest.mark.usefixtures("autologging")
@pytest.mark.parametrize("form", [sparse.csr_matrix, sparse.coo_matrix, sparse.csc_array])
def test_a_sparse_matrix_of_each_form_is_recorded_as_an_input(form: Any) -> None:
    runstream.autolog()
    Ridge().fit(form(IRIS), KIND)
    [dataset] = last_run().inputs.dataset_inputs
    assert dataset.tags == {"mlflow.data.context": "train"}


@pytest.mark.usefixtures("autologging")
def test_scores_and_metrics_of_later_predictions_are_logged_to_the_run_of_the_model() -> None:
    runstream.autolog(log_models=False)
    model = LogisticRegression(max_iter=500).fit(IRIS, KIND)
    X_test, y_test = IRIS[::3], KIND[::3]  # noqa: N806 - the name is in the metric's
    predicted = model.predict(X_test)
    accuracy = metrics.accuracy_score(y_test, predicted)
    metrics.accuracy_score(y_test, predicted, normalize=False)
    metrics.accuracy_score(y_test, y_test)  # of no model
    score = model.score(X_test, y_test)
    model.score(IRIS[::5].copy(), KIND[::5])
    run = last_run()
    assert run.data.metrics["accuracy_score_X_test"] == accuracy
    assert run.data.metrics["accuracy_score-2_X_test"] == sum(predicted == y_test)
    assert run.data.metrics["LogisticRegression_score_X_test"] == score
    assert "LogisticRegression_score-2_unknown_dataset" in run.data.metrics
    commands = runstream.load_dict("metric_info.json", run_id=run.info.run_id)
    assert (
        commands["accuracy_score-2_X_test"]
        == "accuracy_score(y_true=y_test, y_pred=predicted, normalize=False)"
    )
    contexts = [one.tags["mlflow.data.context"] for one in run.inputs.dataset_inputs]
    assert sorted(contexts) == ["eval", "eval", "train"]


@pytest.mark.usefixtures("autologging")
def test_a_scorer_logs_what_it_returns() -> None:
    runstream.autolog(log_models=False)
    model = Ridge().fit(DATA, TARGET)
    value = metrics.get_scorer("r2")(model, DATA, TARGET)
    assert last_run().data.metrics["r2_score_DATA"] == value


@pytest.mark.usefixtures("autologging")
def test_a_classifier_has_figures_and_a_model_that_loads_and_is_measured() -> None:
    runstream.autolog(log_input_examples=True)
    rows = KIND < 2
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(IRIS[rows], KIND[rows])
    run = last_run()
    paths = [file.path for file in runstream.list_artifacts(run_id=run.info.run_id)]
    assert paths == [
        "estimator.html",
        "training_confusion_matrix.png",
        "training_precision_recall_curve.png",
        "training_roc_curve.png",
    ]
    loaded = runstream.sklearn.load_model(f"runs:/{run.info.run_id}/model")
    assert (loaded.predict(IRIS) == model.predict(IRIS)).all()
    with runstream.TrackingClient(runstream.get_tracking_uri()) as client:
        [stored] = client.search_logged_models()
        assert stored.status == "READY"
        assert stored.params["logisticregression__C"] == "1.0"
        assert {metric.key for metric in stored.metrics} == run.data.metrics.keys()
        description = json.loads(client.load_text(stored.model_id, "MLmodel"))
        requirements = client.load_text(stored.model_id, "requirements.txt")
        example = client.load_dict(stored.model_id, "input_example.json")
    assert example == {"inputs": IRIS[:5].tolist()}
    [column] = json.loads(description["signature"]["inputs"])
    assert column["tensor-spec"] == {"dtype": "float64", "shape": [-1, 4]}
    assert description["flavors"]["sklearn"]["pickled_model"] == "model.pkl"
    assert description["flavors"]["python_function"]["loader_module"] == "mlflow.sklearn"
    assert "scikit-learn==" in requirements


@pytest.mark.usefixtures("autologging")
def test_a_model_that_cannot_be_pickled_is_one_warning_and_the_rest_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    runstream.autolog()
    Pipeline([("f", FunctionTransformer(lambda x: x)), ("m", Ridge())]).fit(DATA, TARGET)
    assert "training_r2_score" in last_run().data.metrics
    [record] = caplog.records
    assert "a training by sklearn" in record.message


@pytest.mark.usefixtures("autologging")
def test_last_active_run_is_that_of_a_training_from_any_thread() -> None:
    runstream.autolog(log_models=False)
    thread = threading.Thread(target=lambda: Ridge().fit(DATA, TARGET))
    thread.start()
    thread.join()
    assert last_run().data.tags["estimator_name"] == "Ridge"


@pytest.mark.usefixtures("autologging")
@pytest.mark.parametrize("silent", [False, True])
def test_a_fault_of_ours_is_one_warning_and_the_training_is_the_same(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, silent: bool
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a fault")

    runstream.autolog(silent=silent)
    expected = Ridge().fit(DATA, TARGET).coef_
    last_run()
    for name in ("get_params", "training_metrics", "_log_model", "describe_class", "describe"):
        caplog.clear()
        with monkeypatch.context() as patch:
            patch.setattr(fitting, name, fail)
            assert (Ridge().fit(DATA, TARGET).coef_ == expected).all()
            assert last_run().info.status == "FINISHED"
        warnings = [record for record in caplog.records if record.levelno >= logging.WARNING]
        assert [("a fault" in record.message) for record in warnings] == [True] * (not silent)


@pytest.mark.usefixtures("autologging")
def test_a_server_that_is_away_holds_trainings_up_once_and_not_long(
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("runstream.autologging.guard.WAIT_SECONDS", 1.0)
    runstream.set_tracking_uri(f"grpc://127.0.0.1:{reserve_port()}")
    runstream.autolog()
    start = time.monotonic()
    for _ in range(3):
        Ridge().fit(DATA, TARGET)
    assert time.monotonic() - start < 10
    assert not [each for each in caplog.records if "not all of a training" in each.message]
