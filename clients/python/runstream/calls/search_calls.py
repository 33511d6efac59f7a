"""The calls of a client that search."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from runstream import entities
from runstream.calls.search_fields import check_experiment_ids, to_view_type
from runstream.contract.messages import new_message
from runstream.contract.response_checks import check_next_page_token
from runstream.contract.text_lists import check_not_single_text
from runstream.outbox.outbox import Outbox
from runstream.transport.connection import Connection
from runstream.v1 import experiment_service_pb2 as experiments
from runstream.v1 import run_keys_pb2 as run_keys
from runstream.v1 import run_service_pb2 as runs
from runstream.v1.run_pb2 import KeySelection

# Runs or experiments of a page. The first page of runs is short, so that it arrives soon; each
# later page is twice as long as the page before.
_PAGE_SIZE = 1_000
_FIRST_PAGE_SIZE = 125


class SearchCalls:
    """The part of `TrackingClient` that searches runs and experiments.

    What this process logged before is on disk before a search begins, and so is found.
    """

    _connection: Connection
    _outbox: Outbox

    def search_runs(
        self,
        experiment_ids: Iterable[str] | None = None,
        filter_string: str | None = "",
        run_view_type: str | int = "ACTIVE_ONLY",
        max_results: int | None = None,
        order_by: Sequence[str] | None = None,
        *,
        metrics: Iterable[str] | None = None,
        params: Iterable[str] | None = None,
        tags: Iterable[str] | None = None,
    ) -> Iterator[entities.Run]:
        """Yield the runs that a filter is true of, asking for page after page as they are taken.

        Args:
            experiment_ids: the experiments to search; all, if left out.
            filter_string: such as `metrics.loss < 0.1 and params.lr = '0.1'` (S1 to S3).
            run_view_type: `ACTIVE_ONLY`, `DELETED_ONLY` or `ALL`, or its number in `ViewType`.
            max_results: the most runs to yield; all, if left out.
            order_by: such as `["metrics.loss ASC"]` (S5); the newest first, if left out.
            metrics: keys of the metrics to return; all, if left out.
            params: keys of the params to return; all, if left out.
            tags: keys of the tags to return; all, if left out.

        Raises:
            InvalidArgument: filter, order or view type is malformed; raised by the first `next`.
        """
        request = new_message(
            runs.SearchRunsRequest,
            experiment_ids=check_experiment_ids(experiment_ids),
            filter=filter_string or "",
            run_view_type=to_view_type(run_view_type),
            order_by=_check_order_by(order_by),
            metric_keys=_key_selection("metrics", metrics),
            param_keys=_key_selection("params", params),
            tag_keys=_key_selection("tags", tags),
        )
        if experiment_ids is not None and not request.experiment_ids:
            return iter(())
        return islice(self._read_run_pages(request, max_results), max_results)

    def count_runs(
        self,
        experiment_ids: Iterable[str] | None = None,
        filter_string: str | None = "",
        run_view_type: str | int = "ACTIVE_ONLY",
    ) -> int:
        """Return how many runs `search_runs` would yield; raises as it does."""
        request = new_message(
            runs.CountRunsRequest,
            experiment_ids=check_experiment_ids(experiment_ids),
            filter=filter_string or "",
            run_view_type=to_view_type(run_view_type),
        )
        if experiment_ids is not None and not request.experiment_ids:
            return 0
        self._outbox.flush()
        return self._connection.call(lambda stubs: stubs.runs.CountRuns, request).count

    def list_values(
        self,
        experiment_ids: Iterable[str],
        key: str,
        contains: str = "",
        max_results: int = 20,
        run_view_type: str | int = "ACTIVE_ONLY",
    ) -> list[tuple[str, int]]:
        """Return the most frequent values of a key, each with the number of runs that have it.

        Args:
            experiment_ids: the experiments, at least one.
            key: a param, a tag, a dataset or an attribute as in a filter, such as `params.lr`.
            contains: what each value contains, in any case.
            max_results: the most values to return, 1 to 200.
            run_view_type: `ACTIVE_ONLY`, `DELETED_ONLY` or `ALL`, or its number in `ViewType`.

        Raises:
            InvalidArgument: an argument breaks a rule above.
        """
        request = new_message(
            run_keys.ListValuesRequest,
            experiment_ids=check_experiment_ids(experiment_ids),
            key=key,
            contains=contains,
            max_results=max_results,
            run_view_type=to_view_type(run_view_type),
        )
        self._outbox.flush()
        answer = self._connection.call(lambda stubs: stubs.runs.ListValues, request)
        return [(one.value, one.runs) for one in answer.values]

    def get_filter_hints(
        self,
        experiment_ids: Iterable[str],
        filter_string: str,
        run_view_type: str | int = "ACTIVE_ONLY",
    ) -> list[str]:
        """Return what may be a mistake in a filter that finds nothing, as sentences.

        Such as `There is no metric val_los. Did you mean val_loss?`; none, if the runs of the
        experiments have all keys and values of the filter.

        Raises:
            InvalidArgument: the filter is malformed, or no experiment is named.
        """
        request = new_message(
            run_keys.GetFilterHintsRequest,
            experiment_ids=check_experiment_ids(experiment_ids),
            filter=filter_string,
            run_view_type=to_view_type(run_view_type),
        )
        self._outbox.flush()
        answer = self._connection.call(lambda stubs: stubs.runs.GetFilterHints, request)
        return [hint.message for hint in answer.hints]

    def search_experiments(
        self,
        view_type: str | int = "ACTIVE_ONLY",
        max_results: int | None = None,
        filter_string: str | None = "",
        order_by: Sequence[str] | None = None,
    ) -> Iterator[entities.Experiment]:
        """Yield the experiments that a filter is true of (S7); else as `search_runs`.

        Args:
            view_type: `ACTIVE_ONLY`, `DELETED_ONLY` or `ALL`, or its number in `ViewType`.
            max_results: the most experiments to yield; all, if left out.
            filter_string: such as `name LIKE 'fraud%' and tags.team = 'risk'`.
            order_by: such as `["name"]`; the newest first, if left out.

        Raises:
            InvalidArgument: filter, order or view type is malformed; raised by the first `next`.
        """
        request = new_message(
            experiments.SearchExperimentsRequest,
            filter=filter_string or "",
            view_type=to_view_type(view_type),
            order_by=_check_order_by(order_by),
        )
        return islice(self._read_experiment_pages(request, max_results), max_results)

    def _read_run_pages(
        self, request: runs.SearchRunsRequest, max_results: int | None
    ) -> Iterator[entities.Run]:
        self._outbox.flush()
        left = sys.maxsize if max_results is None else max_results
        if not left:
            return
        size = min(_FIRST_PAGE_SIZE, _PAGE_SIZE)
        request.max_results = min(left, size)
        page = self._connection.call(lambda stubs: stubs.runs.SearchRuns, request)
        while left > len(page.runs) and (
            token := check_next_page_token(request, page.next_page_token, len(page.runs))
        ):
            left -= len(page.runs)
            size = min(2 * size, _PAGE_SIZE)
            request.max_results = min(left, size)
            request.page_token = token
            # The server reads the next page while the caller works through this one.
            with self._connection.prefetch(
                lambda stubs: stubs.runs.SearchRuns, request
            ) as next_page:
                yield from map(entities.Run.from_proto, page.runs)
                page = next_page()
        yield from map(entities.Run.from_proto, page.runs)

    def _read_experiment_pages(
        self, request: experiments.SearchExperimentsRequest, max_results: int | None
    ) -> Iterator[entities.Experiment]:
        while True:
            request.max_results = (
                _PAGE_SIZE if max_results is None else max(1, min(max_results, _PAGE_SIZE))
            )
            page = self._connection.call(lambda stubs: stubs.experiments.SearchExperiments, request)
            yield from map(entities.Experiment.from_proto, page.experiments)
            request.page_token = check_next_page_token(
                request, page.next_page_token, len(page.experiments)
            )
            if not request.page_token:
                return


def _check_order_by(order_by: Sequence[str] | None) -> Sequence[str]:
    check_not_single_text("order_by", order_by)
    return order_by or ()


def _key_selection(field: str, keys: Iterable[str] | None) -> KeySelection | None:
    check_not_single_text(field, keys)
    return None if keys is None else KeySelection(keys=keys)
