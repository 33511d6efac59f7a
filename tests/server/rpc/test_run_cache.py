"""What runs logged is kept within a bound."""

from __future__ import annotations

from runstream_service.rpc.run_cache import CACHE_BYTES, CONTENT_BYTES, RunCache

COUNT = CACHE_BYTES // CONTENT_BYTES


def test_the_newest_contents_are_kept_and_as_many_as_the_bound_allows() -> None:
    cache = RunCache()
    content = bytes(CONTENT_BYTES)
    for revision in range(2 * COUNT):
        cache.add(revision, content)
        cache.add(revision, content)
    kept = [revision for revision in range(2 * COUNT) if cache.get(revision) is not None]
    assert kept == list(range(2 * COUNT - len(kept), 2 * COUNT))
    assert 0.9 * COUNT < len(kept) < COUNT


def test_large_contents_and_those_of_runs_that_go_on_are_not_kept() -> None:
    cache = RunCache()
    cache.add(1, bytes(CONTENT_BYTES + 1))
    cache.add(None, b"content")
    assert cache.get(1) is None
    assert cache.get(None) is None
