"""Where the spool is, and how large it may become."""

from __future__ import annotations

from pathlib import Path

import pytest

from runstream.spool import settings


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("", 8 * 1024**3),
        ("0", 0),
        ("1000", 1000),
        ("8GiB", 8 * 1024**3),
        ("1.5 MB", 1_500_000),
        ("500k", 500_000),
        ("2tib", 2 * 1024**4),
        ("7 B", 7),
    ],
)
def test_a_limit_is_a_size(monkeypatch: pytest.MonkeyPatch, text: str, size: int) -> None:
    monkeypatch.setenv("RUNSTREAM_SPOOL_LIMIT", text)
    assert settings.limit_bytes() == size


@pytest.mark.parametrize("text", ["-1", "8 apples", "GiB", "1e9", "inf"])
def test_a_limit_that_is_no_size_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("RUNSTREAM_SPOOL_LIMIT", text)
    with pytest.raises(ValueError, match="RUNSTREAM_SPOOL_LIMIT is"):
        settings.limit_bytes()


def test_the_place_of_the_spool(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("RUNSTREAM_SPOOL", raising=False)
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setenv("HOME", "/home/ada")
    assert settings.spool_path() == Path("/home/ada/.local/state/runstream/spool")
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    assert settings.spool_path() == Path("/state/runstream/spool")
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    assert settings.spool_path() == Path("/home/ada/.local/state/runstream/spool")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RUNSTREAM_SPOOL", "here")
    assert settings.spool_path() == tmp_path / "here"


def test_syncing_is_asked_for_by_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RUNSTREAM_SPOOL_SYNC", raising=False)
    assert not settings.is_synced()
    monkeypatch.setenv("RUNSTREAM_SPOOL_SYNC", "1")
    assert settings.is_synced()
    monkeypatch.setenv("RUNSTREAM_SPOOL_SYNC", "maybe")
    with pytest.raises(ValueError, match="RUNSTREAM_SPOOL_SYNC is 'maybe'"):
        settings.is_synced()


def test_a_share_of_the_disk_stays_free(tmp_path: Path) -> None:
    assert not settings.has_free_space(tmp_path, 1 << 60)
