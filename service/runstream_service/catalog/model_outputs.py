"""Models that runs made, and the tag that describes them."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from peewee import EXCLUDED

from runstream.errors import FailedPrecondition, shorten
from runstream.rules import check_text
from runstream_service.access.caller import Caller
from runstream_service.catalog.run_state import active_run
from runstream_service.catalog.run_tags import set_tags
from runstream_service.engine import applied_writes, changes
from runstream_service.engine.applied_writes import WriteId
from runstream_service.engine.budget import Budget
from runstream_service.engine.catalog_writes import ModelOutput
from runstream_service.engine.statements import ANY_IDS, Statement
from runstream_service.engine.tables import Output, RunTag

#: The tag that lists descriptions of models (R4).
HISTORY_TAG = "mlflow.log-model.history"

_UPSERT = Statement(
    Output.insert_many([(0, "", 0)], [Output.run, Output.model_id, Output.step]).on_conflict(
        conflict_target=[Output.run, Output.model_id], update={Output.step: EXCLUDED.step}
    )
)
_OF_RUNS = Statement(
    Output.select(Output.run, Output.model_id, Output.step)
    .where(Output.run.in_(ANY_IDS))
    .order_by(Output.id)
)


def log_outputs(
    caller: Caller, run_id: str, models: Sequence[ModelOutput], write: WriteId | None
) -> None:
    """Record models that an active run made; raises as `active_run`."""
    run = active_run(caller, run_id)
    if applied_writes.to_run.accept(run, write):
        insert_outputs(run, models)


def insert_outputs(run: int, models: Sequence[ModelOutput]) -> None:
    """Record models that a run made, by its internal id."""
    if models:
        _UPSERT.run_for_each((run, *model) for model in models)


def read_outputs(runs: Any, budget: Budget) -> dict[int, list[ModelOutput]]:
    """Return the models that each of these runs made, in the order in which they were logged.

    Raises:
        TooLargeError: it is larger than the budget.
    """
    found: dict[int, list[ModelOutput]] = defaultdict(list)
    for run, *model in budget.fetch_all(_OF_RUNS.stream(runs), 1):
        found[run].append(ModelOutput._make(model))
    return found


def log_model(caller: Caller, run_id: str, description: object, write: WriteId | None) -> None:
    """Add a description to the list in the tag of an active run.

    Raises:
        NotFound, PermissionDenied, FailedPrecondition: as `active_run`.
        FailedPrecondition: also if the tag is no list.
        InvalidArgument: the list would be over the limit of a tag.
    """
    run = active_run(caller, run_id)
    if applied_writes.to_run.was_applied(run, write):
        return
    history = (RunTag.run == run) & (RunTag.key == HISTORY_TAG)
    before = RunTag.select(RunTag.value).where(history).scalar()
    value = json.dumps([*_read_history(before or "[]"), description])
    check_text(f"tags.{HISTORY_TAG}", value)
    applied_writes.to_run.record(run, write)
    set_tags(run, [(HISTORY_TAG, value)])
    changes.record_runs([run], tags=((HISTORY_TAG, value),))


def _read_history(text: str) -> list[Any]:
    """Return the list in a tag, which anybody who writes to the run may have set to something."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, list):
        raise FailedPrecondition(
            f"The tag {HISTORY_TAG} is no list of JSON, so no model can be added to it",
            reason="MODEL_HISTORY_MALFORMED",
            field=HISTORY_TAG,
            value=shorten(text),
            limit="a list of JSON",
        )
    return found
