"""How often a training with epochs and batches is logged."""

from __future__ import annotations

from runstream.errors import InvalidArgument


def check_frequency(log_every_epoch: bool, log_every_n_steps: int | None) -> None:
    """Raise InvalidArgument unless either epochs or a number of batches are chosen."""
    is_fine = log_every_epoch if log_every_n_steps is None else log_every_n_steps >= 1
    if not is_fine or (log_every_epoch and log_every_n_steps is not None):
        raise InvalidArgument(
            f"Invalid value {log_every_n_steps!r} for parameter 'log_every_n_steps' supplied: "
            "it must be None, or a number from 1 on with log_every_epoch=False",
            reason="FREQUENCY_MALFORMED",
            field="log_every_n_steps",
            value=repr(log_every_n_steps),
            limit="None, or from 1 on with log_every_epoch=False",
        )
