"""The calls of a client that tell what many runs have in common, and what decides among them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from runstream import entities
from runstream.calls.search_fields import check_experiment_ids, to_view_type
from runstream.contract.messages import new_message
from runstream.contract.response_checks import check_next_page_token
from runstream.contract.text_lists import check_not_single_text
from runstream.errors import InvalidArgument
from runstream.outbox.outbox import Outbox
from runstream.transport.connection import Connection
from runstream.v1 import param_importance_pb2 as importance
from runstream.v1 import run_groups_pb2 as groups

_STATISTICS = [item for item in groups.Statistic.items() if item[1]]


class RunStatisticsCalls:
    """The part of `TrackingClient` that computes with many runs at once.

    What this process logged before is on disk before a call begins, and so counts.
    """

    _connection: Connection
    _outbox: Outbox

    def group_runs(
        self,
        by: Sequence[str],
        experiment_ids: Iterable[str] | None = None,
        filter_string: str | None = "",
        run_view_type: str | int = "ACTIVE_ONLY",
        *,
        numbers: Sequence[str] = (),
        texts: Sequence[str] = (),
        order_by: str = "",
        statistic: str = "mean",
        max_run_ids: int = 0,
    ) -> Iterator[entities.RunGroup]:
        """Yield the runs that a filter is true of in groups of the same values, page after page.

        Args:
            by: 1 to 5 keys such as `params.lr`, `tags.team`, `datasets.name` or `status` (S13).
            experiment_ids: the experiments to search; all, if left out.
            filter_string: such as `metrics.loss < 0.1` (S1 to S3).
            run_view_type: `ACTIVE_ONLY`, `DELETED_ONLY` or `ALL`, or its number in `ViewType`.
            numbers: up to 100 keys to compute statistics of, such as `metrics.loss`,
                `minimum.loss` or `duration`.
            texts: up to 100 keys of which to tell what all runs of a group have.
            order_by: a key of `by` or `numbers`, such as `metrics.loss DESC`; the values of `by`,
                if left out.
            statistic: by which a key of `numbers` orders: `mean`, `median`, `minimum`, `maximum`
                or `deviation`.
            max_run_ids: how many ids of its runs are told of each group at most, 0 to 1,000.

        Raises:
            InvalidArgument: filter, view type, `max_run_ids` or a key is malformed, or they are too
                many; raised by the first `next`.
            ResourceExhausted: the filter finds more than 200,000 runs.
        """
        for field, keys in (("by", by), ("numbers", numbers), ("texts", texts)):
            check_not_single_text(field, keys)
        request = new_message(
            groups.GroupRunsRequest,
            experiment_ids=check_experiment_ids(experiment_ids),
            filter=filter_string or "",
            run_view_type=to_view_type(run_view_type),
            by=by,
            number_keys=numbers,
            text_keys=texts,
            order_by=order_by,
            order_statistic=_to_statistic(statistic),
            max_run_ids=max_run_ids,
        )
        if experiment_ids is not None and not request.experiment_ids:
            return iter(())
        return self._read_group_pages(request)

    def get_param_importance(
        self,
        number: str,
        experiment_ids: Iterable[str] | None = None,
        filter_string: str | None = "",
        run_view_type: str | int = "ACTIVE_ONLY",
    ) -> entities.ParamImportances:
        """Return how much each param matters for a number, by the newest 5,000 runs (S14).

        A random forest computes it where the server has scikit-learn and 20 runs have the number,
        rank correlations else; the answer says which. It takes seconds where runs and params are
        many.

        Args:
            number: `metrics.K` (the last value), `minimum.K`, `maximum.K` or `duration`.
            experiment_ids: the experiments to search; all, if left out.
            filter_string: such as `params.model = 'resnet'` (S1 to S3).
            run_view_type: `ACTIVE_ONLY`, `DELETED_ONLY` or `ALL`, or its number in `ViewType`.

        Raises:
            InvalidArgument: the filter, the view type or `number` is malformed.
            ResourceExhausted: the values of the params take more than 48 MiB.
        """
        request = new_message(
            importance.GetParamImportanceRequest,
            experiment_ids=check_experiment_ids(experiment_ids),
            filter=filter_string or "",
            run_view_type=to_view_type(run_view_type),
            number_key=number,
        )
        if experiment_ids is not None and not request.experiment_ids:
            return entities.ParamImportances.from_proto(importance.GetParamImportanceResponse())
        self._outbox.flush()
        answer = self._connection.call(lambda stubs: stubs.runs.GetParamImportance, request)
        return entities.ParamImportances.from_proto(answer)

    def _read_group_pages(self, request: groups.GroupRunsRequest) -> Iterator[entities.RunGroup]:
        self._outbox.flush()
        while True:
            page = self._connection.call(lambda stubs: stubs.runs.GroupRuns, request)
            for group in page.groups:
                yield entities.RunGroup.from_proto(
                    group, request.by, request.number_keys, request.text_keys
                )
            request.page_token = check_next_page_token(
                request, page.next_page_token, len(page.groups)
            )
            if not request.page_token:
                return


def _to_statistic(statistic: str) -> groups.Statistic.ValueType:
    names = {name.removeprefix("STATISTIC_").lower(): number for name, number in _STATISTICS}
    if statistic not in names:
        raise InvalidArgument(
            f"Invalid value {statistic!r} for parameter 'statistic' supplied: it must be one of "
            f"{', '.join(names)}",
            reason="STATISTIC_UNKNOWN",
            field="statistic",
            value=statistic,
            limit=", ".join(names),
        )
    return names[statistic]
