"""What `make` says where something is missing, and what it needs of the tests."""

from __future__ import annotations

import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("test-jvm", "Java and Scala clients were NOT run"),
        ("test-r", "R client were NOT run"),
    ],
)
def test_without_a_jdk_or_r_the_last_lines_say_what_was_not_tested(
    target: str, said: str, tmp_path: Path
) -> None:
    for tool in ("find", "make", "sh"):
        found = shutil.which(tool)
        assert found
        (tmp_path / tool).symlink_to(found)
    done = subprocess.run(
        ["make", "--assume-old=.venv/installed", target],
        cwd=ROOT,
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert said in " ".join(done.stdout.splitlines()[-4:])


def test_files_of_tests_have_names_of_their_own() -> None:
    """What is marked `alone` is collected from all folders together, where two of a name clash."""
    names = Counter(path.name for path in (ROOT / "tests").rglob("test_*.py"))
    assert [name for name, count in names.items() if count > 1] == []
