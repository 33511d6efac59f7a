"""Smoothing the values of a history, part after part, over all of its points.

A smoother is given the finite values of a history in their order and returns as many smoothed
values as it can tell by now; a centred one waits for the points after each. Nothing is computed
point by point in Python, and nothing is computed as a difference of sums: a value of 1e300 does not
swallow the small ones that come after it.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from enum import IntEnum
from typing import NamedTuple, Protocol

import numpy as np

from runstream_service.points.columns import Doubles, Integers

# From values of this size on, all values of a history are scaled, so that sums of 10^9 of them stay
# finite. 1e-300 keeps 14 digits beside them.
_LARGE = 2.0**990
_SCALE = 2.0**-30

# Where a Gaussian ends, in standard deviations.
_GAUSSIAN_ENDS = 4

# The standard deviation from which a Gaussian is computed of means of neighbours, and how many of
# these one standard deviation has at least.
_FINE_DEVIATION = 16
_BLOCKS_PER_DEVIATION = 8


class SmoothingKind(IntEnum):
    """How values are smoothed; the numbers are those of the contract."""

    EXPONENTIAL = 1
    TIME_WEIGHTED = 2
    GAUSSIAN = 3
    RUNNING_MEAN = 4
    MINIMUM = 5
    MAXIMUM = 6


class Smoothing(NamedTuple):
    """How a history is smoothed.

    Attributes:
        kind: how.
        amount: how much: the weight of what came before, the half-life in steps, the standard
            deviation in points, or the points of the window; nothing for extremes so far.
    """

    kind: SmoothingKind
    amount: float


class Smoother(Protocol):
    """What smooths one history.

    Attributes:
        looks_ahead: whether points that come later have a say.
        weight: how much the last smoothed value weighs, in points; 0 where that means nothing.
    """

    looks_ahead: bool
    weight: float

    def push(self, step: Integers, value: Doubles, /) -> Doubles:
        """Take the next points, and return the smoothed values that are known by now."""
        ...

    def finish(self) -> Doubles:
        """Return the smoothed values that are left."""
        ...


def make_smoother(smoothing: Smoothing) -> Smoother:
    """Return what smooths one history in this way."""
    match smoothing.kind:
        case SmoothingKind.EXPONENTIAL | SmoothingKind.TIME_WEIGHTED:
            return _Exponential(smoothing)
        case SmoothingKind.GAUSSIAN:
            return _Gaussian(smoothing.amount)
        case SmoothingKind.RUNNING_MEAN:
            return _RunningMean(int(smoothing.amount) // 2)
        case _:
            return _Extreme(smoothing.kind is SmoothingKind.MAXIMUM)


class _Scaled:
    """What sums up values, which are scaled once there are large ones."""

    def __init__(self) -> None:
        self._scale = 1.0

    def _needs_scale(self, value: Doubles) -> bool:
        """Return whether values are the first large ones: what was kept is to be scaled, too."""
        if self._scale != 1.0 or not (np.abs(value) > _LARGE).any():
            return False
        self._scale = _SCALE
        return True

    def _unscaled(self, scaled: Doubles) -> Doubles:
        """Return values as they were; rounding may have made the largest infinite."""
        if self._scale == 1.0:
            return scaled
        limit = np.finfo(np.float64).max
        with np.errstate(over="ignore"):
            values: Doubles = np.clip(scaled / self._scale, -limit, limit)
        return values


class _Exponential(_Scaled):
    """The mean of all points so far, each weighted by what decayed since: without a bias to 0."""

    looks_ahead = False

    def __init__(self, smoothing: Smoothing) -> None:
        super().__init__()
        self._smoothing = smoothing
        self._sum = self.weight = 0.0
        self._last_step: Integers | None = None

    def push(self, step: Integers, value: Doubles, /) -> Doubles:
        if not len(value):
            return value
        if self._needs_scale(value):
            self._sum *= _SCALE
        decay = self._decay(step)
        sums, weights = _decayed_sums(value * self._scale, decay, self._sum, self.weight)
        self._sum, self.weight = float(sums[-1]), float(weights[-1])
        self._last_step = step[-1:]
        return self._unscaled(sums / weights)

    def finish(self) -> Doubles:
        return np.empty(0)

    def _decay(self, step: Integers) -> Doubles:
        """Return what is left, at each point, of the weight that others had at the one before."""
        if self._smoothing.kind is SmoothingKind.EXPONENTIAL:
            return np.full(len(step), self._smoothing.amount)
        before = step[:1] if self._last_step is None else self._last_step
        # Differences may not fit into 63 bits. Those of unsigned numbers are right.
        steps = np.concatenate((before, step)).view(np.uint64)
        distance = (steps[1:] - steps[:-1]).astype(np.float64)
        return np.exp2(-distance / self._smoothing.amount)


def _decayed_sums(
    value: Doubles, decay: Doubles, start: float, weight: float
) -> tuple[Doubles, Doubles]:
    """Return the decayed sum of values up to each point, and that of their weights, each 1.

    The points are cut into blocks. All blocks take a step at a time, and what each hands on to the
    next is added afterwards, so Python makes two loops of the root of their number.
    """
    size = len(value)
    rows = math.ceil(math.sqrt(size))
    columns = -(-size // rows)
    values, decays = np.zeros((2, columns * rows))
    values[:size], decays[:size] = value, decay
    values = values.reshape(columns, rows).T.copy()
    decays = decays.reshape(columns, rows).T.copy()
    sums, weights, left = np.empty((3, rows, columns))
    sums[0], weights[0], left[0] = values[0], 1.0, decays[0]
    for row in range(1, rows):
        np.multiply(sums[row - 1], decays[row], out=sums[row])
        sums[row] += values[row]
        np.multiply(weights[row - 1], decays[row], out=weights[row])
        weights[row] += 1.0
        np.multiply(left[row - 1], decays[row], out=left[row])
    before, weights_before = np.empty((2, columns))
    handed = zip(left[-1].tolist(), sums[-1].tolist(), weights[-1].tolist(), strict=True)
    for column, (part, of_block, weight_of_block) in enumerate(handed):
        before[column], weights_before[column] = start, weight
        start, weight = part * start + of_block, part * weight + weight_of_block
    sums += left * before
    weights += left * weights_before
    return sums.T.ravel()[:size], weights.T.ravel()[:size]


class _Extreme:
    """The least or the greatest value so far."""

    looks_ahead = False
    weight = 0.0

    def __init__(self, is_maximum: bool) -> None:
        self._best = -math.inf if is_maximum else math.inf
        self._choose = np.maximum if is_maximum else np.minimum

    def push(self, _step: Integers, value: Doubles, /) -> Doubles:
        found: Doubles = self._choose(self._choose.accumulate(value), self._best)
        if len(found):
            self._best = float(found[-1])
        return found

    def finish(self) -> Doubles:
        return np.empty(0)


class _Centred(_Scaled, ABC):
    """What smooths by as many points after each as before it."""

    looks_ahead = True
    weight = 0.0

    #: How many points before and after each have a say, and of what the first one that is kept has
    #: a number that can be divided by `_blocks`.
    _reach: int
    _blocks = 1

    def __init__(self) -> None:
        super().__init__()
        self._kept = np.empty(0)
        self._next = 0  # the first of them that is not smoothed yet

    def push(self, _step: Integers, value: Doubles, /) -> Doubles:
        if self._needs_scale(value):
            self._kept = self._kept * _SCALE
        self._kept = np.concatenate((self._kept, value * self._scale))
        return self._smooth_to(len(self._kept) - self._reach)

    def finish(self) -> Doubles:
        return self._smooth_to(len(self._kept))

    def _smooth_to(self, end: int) -> Doubles:
        if end <= self._next:
            return np.empty(0)
        found = self._unscaled(self._smooth(self._kept, self._next, end))
        dropped = max(0, end - self._reach) // self._blocks * self._blocks
        self._kept, self._next = self._kept[dropped:], end - dropped
        return found

    @abstractmethod
    def _smooth(self, value: Doubles, first: int, end: int) -> Doubles:
        """Return the smoothed values of the points from `first` to before `end`."""


class _RunningMean(_Centred):
    """The mean of a point and as many before it as after it; at the ends, of those that are there.

    Values are summed up from the borders of blocks that are as long as the window, forwards and
    backwards, so that a window is the sum of two parts of which none has anything else in it.
    """

    def __init__(self, reach: int) -> None:
        super().__init__()
        self._reach = reach

    def _smooth(self, value: Doubles, first: int, end: int) -> Doubles:
        reach, window = self._reach, 2 * self._reach + 1
        low, high = max(0, first - reach), min(len(value), end + reach)
        size = end - first + 2 * reach
        padded = np.zeros(-(-size // window) * window)
        padded[low - first + reach : high - first + reach] = value[low:high]
        blocks = padded.reshape(-1, window)
        forwards = np.cumsum(blocks, axis=1)
        backwards = np.cumsum(blocks[:, ::-1], axis=1)[:, ::-1].copy()
        backwards[:, 0] = 0.0  # a window that is a block is counted once
        sums = backwards.ravel()[: end - first] + forwards.ravel()[window - 1 : size]
        index = np.arange(first, end)
        last = np.minimum(index + reach, len(value) - 1)
        found: Doubles = sums / (last - np.maximum(index - reach, 0) + 1)
        return found


class _Gaussian(_Centred):
    """The mean of the points around, weighted by a normal distribution of their distance.

    One of a large standard deviation is computed of the means of neighbouring points, whose spread
    is taken off its own, and interpolated.
    """

    def __init__(self, deviation: float) -> None:
        super().__init__()
        if deviation >= _FINE_DEVIATION:
            self._blocks = int(deviation // _BLOCKS_PER_DEVIATION)
            deviation = math.sqrt(deviation**2 - self._blocks**2 / 4) / self._blocks
        ends = math.ceil(_GAUSSIAN_ENDS * deviation)
        self._kernel = np.exp(-0.5 * (np.arange(-ends, ends + 1) / deviation) ** 2)
        self._reach = (ends + 2) * self._blocks if self._blocks > 1 else ends

    def _smooth(self, value: Doubles, first: int, end: int) -> Doubles:
        starts = np.arange(0, len(value), self._blocks)
        sizes = np.diff(starts, append=len(value)).astype(np.float64)
        sums = np.add.reduceat(value, starts) if self._blocks > 1 else value
        ends = len(self._kernel) // 2
        inner = slice(ends, ends + len(starts))
        found: Doubles = np.convolve(sums, self._kernel)[inner]
        found /= np.convolve(sizes, self._kernel)[inner]
        if self._blocks > 1:
            found = np.interp(np.arange(len(value)), starts + (sizes - 1) / 2, found)
        return found[first:end]
