"""Searches over params, such as GridSearchCV: a child run for each of the best candidates."""

from __future__ import annotations

import csv
import io
import numbers
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from runstream.autologging.sklearn.model import sklearn_flavor, write_estimator
from runstream.autologging.sklearn.settings import SklearnSettings
from runstream.autologging.training import AUTOLOGGING, Training
from runstream.contract.run_batches import inputs_batch
from runstream.entities import Dataset, DatasetInput
from runstream.fluent.logging_functions import CONTEXT
from runstream.fluent.past_runs import end_past_run, start_past_run
from runstream.models.model_logging import ModelDescription
from runstream.process.source_tags import find_source_tags

# Columns of the results that are no metrics of a candidate: its params, and those of one split.
_NO_METRICS = ("param", "split")


def is_search(estimator: Any) -> bool:
    """Return whether an estimator tries candidates, and is the best of them in the end."""
    search = sys.modules.get("sklearn.model_selection._search")
    return search is not None and isinstance(estimator, search.BaseSearchCV)


def log_search(
    training: Training[SklearnSettings],
    dataset: Dataset | None,
    base_params: Mapping[str, object],
    tags: Mapping[str, str],
) -> None:
    """Log what a search has found.

    Args:
        training: the search.
        dataset: its data.
        base_params: the params of the estimator that it varies.
        tags: the tags of that estimator.
    """
    search = training.instance
    if hasattr(search, "best_score_"):
        training.log_metrics({"best_cv_score": search.best_score_}, dataset)
    best = {f"best_{key}": value for key, value in getattr(search, "best_params_", {}).items()}
    training.log_params(best)
    if hasattr(search, "best_estimator_"):
        _log_best_estimator(training, search.best_estimator_)
    results = getattr(search, "cv_results_", None)
    if results is None:
        return
    table = _to_csv(results)
    training.defer(training.run.client.log_text, training.run.run_id, table, "cv_results.csv")
    inputs = [] if dataset is None else [DatasetInput(dataset, {CONTEXT: "train"})]
    child_tags = find_source_tags() | {AUTOLOGGING: training.library} | dict(tags)
    for candidate in _best_candidates(results, training.settings.max_tuning_runs):
        params = {**base_params, **results["params"][candidate]}
        metrics = _candidate_metrics(results, candidate)
        training.attempt(_log_candidate, training, params, metrics, child_tags, inputs)


def _log_best_estimator(training: Training[SklearnSettings], estimator: Any) -> None:
    description = ModelDescription("best_estimator", params=estimator.get_params())
    serialization_format = training.settings.serialization_format
    training.log_model(
        sklearn_flavor(estimator, serialization_format),
        partial(write_estimator, estimator, serialization_format),
        description,
    )


def _best_candidates(results: Mapping[str, Any], limit: int | None) -> Sequence[int]:
    """Return the rows of the best candidates, the best first."""
    count = len(results["params"])
    ranks = [key for key in results if key.startswith("rank_test_")]
    rank = "rank_test_score" if "rank_test_score" in ranks else next(iter(ranks), None)
    rows = sorted(range(count), key=lambda row: results[rank][row] if rank else row)
    return rows[:limit]


def _candidate_metrics(results: Mapping[str, Any], row: int) -> dict[str, float]:
    return {
        key: float(values[row])
        for key, values in results.items()
        if not key.startswith(_NO_METRICS) and isinstance(values[row], numbers.Real)
    }


def _log_candidate(
    training: Training[SklearnSettings],
    params: Mapping[str, object],
    metrics: Mapping[str, float],
    tags: Mapping[str, str],
    inputs: Sequence[DatasetInput],
) -> None:
    parent, client = training.run, training.run.client
    all_tags = {**tags, "mlflow.parentRunId": parent.run_id}
    run_id = start_past_run(client, parent.experiment, parent.info.start_time, all_tags)
    client.log_params(run_id, params, on_error="skip")
    client.log_metrics(run_id, metrics, on_error="skip")
    if inputs:
        messages = [one.to_proto() for one in inputs]
        client.buffer(run_id).queue_batch(inputs_batch(run_id, messages))
    end_past_run(client, run_id, "FINISHED", time.time_ns() // 1_000_000)


def _to_csv(results: Mapping[str, Any]) -> str:
    """Return the results as a table, with a row for each candidate."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(results)
    writer.writerows(_rows(results))
    return text.getvalue()


def _rows(results: Mapping[str, Any]) -> Iterator[list[Any]]:
    for row in range(len(results["params"])):
        yield [_cell(values[row]) for values in results.values()]


def _cell(value: Any) -> Any:
    return "" if str(value) == "--" else value  # a param that the candidate does not have
