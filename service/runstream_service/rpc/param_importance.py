"""GetParamImportance: from the request to a computation, and from that to the response."""

from __future__ import annotations

from runstream.v1 import param_importance_pb2 as pb
from runstream_service.access.caller import Caller
from runstream_service.rpc.searches import run_scope
from runstream_service.search.group_statistics import number_key
from runstream_service.search.param_importance import Method, ParamImportance
from runstream_service.search.parse import ParseError
from runstream_service.search.run_search import RunSearch

_METHODS = {
    Method.UNSPECIFIED: pb.IMPORTANCE_METHOD_UNSPECIFIED,
    Method.PERMUTATION: pb.IMPORTANCE_METHOD_PERMUTATION,
    Method.RANK_CORRELATION: pb.IMPORTANCE_METHOD_RANK_CORRELATION,
}


def read_request(caller: Caller, request: pb.GetParamImportanceRequest) -> ParamImportance:
    """Return the computation that a request asks for, of what the caller sees.

    Raises:
        InvalidArgument: the filter or the key is malformed.
        ResourceExhausted: the values of the params are too many.
    """
    try:
        key = number_key(request.number_key)
    except ParseError as error:
        raise error.to_invalid_argument("number_key", request.number_key) from None
    search = RunSearch(run_scope(caller, request), request.filter, ())
    return ParamImportance(search, key)


def make_answer(computed: ParamImportance) -> pb.GetParamImportanceResponse:
    """Return the answer, once all is computed."""
    return pb.GetParamImportanceResponse(
        method=_METHODS[computed.method],
        params=[pb.ParamImportance(**one._asdict()) for one in computed.results()],
        run_count=computed.run_count,
        read_run_count=computed.read_count,
        used_run_count=computed.used_count,
        nan_run_count=computed.nan_count,
        param_count=computed.param_count,
        score=computed.score,
    )
