"""The tags that say where a run comes from (R4), each seen from a real script or notebook."""

from __future__ import annotations

import getpass
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from runstream.process import source_tags
from support.git import git

SCRIPT = """
import json
from runstream.process.source_tags import find_source_tags
print(json.dumps(find_source_tags()))
"""


def run(script: Path | str, *prelude: str, **environment: str) -> dict[str, str]:
    """Return the tags that a script sees, run as a person would."""
    arguments = [str(script)]
    if isinstance(script, Path):
        script.write_text("\n".join([*prelude, SCRIPT]))
    else:
        arguments = ["-c", SCRIPT]
    done = subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, "RUNSTREAM_SOURCE": "all", **environment},
        check=True,
        capture_output=True,
        text=True,
        timeout=30,
    )
    tags = json.loads(done.stdout)
    assert isinstance(tags, dict)
    return tags


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    git(folder, "commit", "-q", "--allow-empty", "-m", "first")
    return folder


def test_a_script_is_named_with_its_user(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    assert run(script) == {
        "mlflow.user": getpass.getuser(),
        "mlflow.source.type": "LOCAL",
        "mlflow.source.name": str(script),
    }


def test_typed_code_has_no_name() -> None:
    assert "mlflow.source.name" not in run("-c")


def test_a_notebook_is_named_if_its_server_tells(tmp_path: Path) -> None:
    kernel = (
        "import sys; from types import SimpleNamespace as Fake; "
        "sys.modules['IPython'] = Fake(get_ipython=lambda: Fake(kernel=True))"
    )
    launcher = tmp_path / "ipykernel_launcher.py"
    assert "mlflow.source.name" not in run(launcher, kernel)
    tags = run(launcher, kernel, JPY_SESSION_NAME="/home/ada/sweep.ipynb")
    assert tags["mlflow.source.type"] == "NOTEBOOK"
    assert tags["mlflow.source.name"] == "/home/ada/sweep.ipynb"


def test_a_script_that_imports_what_kernels_do_is_no_notebook(tmp_path: Path) -> None:
    tags = run(tmp_path / "train.py", "import ipykernel, IPython")
    assert tags["mlflow.source.type"] == "LOCAL"


def test_a_script_in_a_repository_has_its_commit(repository: Path) -> None:
    (repository / "jobs").mkdir()
    script = repository / "jobs" / "train.py"
    assert run(script)["mlflow.source.git.commit"] == git(repository, "rev-parse", "HEAD")


@pytest.mark.parametrize(
    "command",
    [
        ("pack-refs", "--all"),
        ("checkout", "-q", "--detach"),
        ("checkout", "-q", "-b", "feature/deep/name"),
    ],
    ids=["packed", "detached", "branch"],
)
def test_the_commit_is_found_however_git_stores_it(
    repository: Path, command: tuple[str, ...]
) -> None:
    git(repository, *command)
    tags = run(repository / "train.py")
    assert tags["mlflow.source.git.commit"] == git(repository, "rev-parse", "HEAD")


def test_a_worktree_has_the_commit_of_its_own_branch(repository: Path) -> None:
    worktree = repository.parent / "worktree"
    git(repository, "worktree", "add", "-q", "-b", "other", str(worktree))
    git(worktree, "commit", "-q", "--allow-empty", "-m", "second")
    commit = run(worktree / "train.py")["mlflow.source.git.commit"]
    assert commit == git(worktree, "rev-parse", "HEAD")
    assert commit != git(repository, "rev-parse", "HEAD")


def test_a_script_in_a_repository_has_its_branch_and_its_remote_without_a_password(
    repository: Path,
) -> None:
    git(repository, "remote", "add", "fork", "ssh://git@example.org/fork.git")
    git(repository, "remote", "add", "origin", "https://ada:ghp_secret@example.org/a.git")
    git(repository, "checkout", "-q", "-b", "feature/deep")
    tags = run(repository / "train.py")
    assert tags["mlflow.source.git.branch"] == "feature/deep"
    assert tags["mlflow.source.git.repoURL"] == "https://***@example.org/a.git"
    git(repository, "remote", "remove", "origin")
    git(repository, "checkout", "-q", "--detach")
    tags = run(repository / "train.py")
    assert tags["mlflow.source.git.repoURL"] == "ssh://git@example.org/fork.git"
    assert "mlflow.source.git.branch" not in tags


def test_nothing_of_git_is_told_where_it_is_not_wanted(repository: Path) -> None:
    tags = run(repository / "train.py", RUNSTREAM_SOURCE="program,packages")
    assert not [key for key in tags if key.startswith("mlflow.source.git")]
    assert tags["mlflow.source.name"].endswith("train.py")


@pytest.mark.parametrize("head", [b"", b"ref: refs/heads/gone", b"\xff", b"not a commit"])
def test_a_broken_repository_has_no_commit(repository: Path, head: bytes) -> None:
    (repository / ".git" / "HEAD").write_bytes(head)
    assert "mlflow.source.git.commit" not in run(repository / "train.py")


def test_a_repository_without_a_commit_has_none(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    assert "mlflow.source.git.commit" not in run(tmp_path / "train.py")


def test_a_user_without_a_name_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found: 12345")

    monkeypatch.setattr(getpass, "getuser", nobody)
    source_tags._find_cached.cache_clear()
    assert "mlflow.user" not in source_tags.find_source_tags()
    source_tags._find_cached.cache_clear()


def test_the_tags_are_found_once_and_fast(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = repository / "train.py"
    script.touch()
    monkeypatch.setattr(sys, "argv", [str(script)])
    monkeypatch.setenv("RUNSTREAM_SOURCE", "git")
    source_tags._find_cached.cache_clear()
    source_tags.find_program_repository.cache_clear()
    begin = time.thread_time()  # of this thread alone, because the machine may be busy
    first = source_tags.find_source_tags()
    assert time.thread_time() - begin < 0.05
    first["mlflow.user"] = "changed"
    git(repository, "commit", "-q", "--allow-empty", "-m", "second")
    assert source_tags.find_source_tags()["mlflow.user"] == getpass.getuser()
    assert source_tags.find_source_tags()["mlflow.source.git.commit"] == git(
        repository, "rev-parse", "HEAD~"
    )
    source_tags._find_cached.cache_clear()
    source_tags.find_program_repository.cache_clear()
