"""Nothing that was said is lost or doubled, whatever is killed; `make chaos` has more rounds."""

from __future__ import annotations

import pytest

from chaos.matrix import Matrix

#: Enough for each kind of fault, from seed 54 on; they take less than a minute.
ROUNDS = 20


@pytest.mark.timeout(600)
def test_what_programs_said_is_stored_once_whatever_is_killed_cut_or_full() -> None:
    matrix = Matrix(print)
    matrix.run(ROUNDS, seed=1, jobs=2)
    assert matrix.failures == {}, matrix.summary()
