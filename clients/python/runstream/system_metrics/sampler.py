"""The thread that reads the machine, for all runs of the process that want it.

It starts with the first recording and ends with the last one. A forked child begins without it: the
runs of its parent go on there. A fault of a reading is one warning in the log `runstream`, and the
others go on.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable
from functools import cache, partial
from queue import Empty, SimpleQueue

from runstream.system_metrics import settings
from runstream.system_metrics.amd_gpus import amdsmi_readings, pyrsmi_readings
from runstream.system_metrics.machine import machine_readings
from runstream.system_metrics.nvidia_gpus import nvidia_readings
from runstream.system_metrics.readings import Reading
from runstream.system_metrics.recording import Recording, Sample

log = logging.getLogger("runstream")

#: Seconds that the end of a run waits at most for its last sample.
LAST_SAMPLE_SECONDS = 2.0

# Of `_sampler`. A signal handler that ends runs may interrupt whoever holds it.
_lock = threading.RLock()
_sampler: Sampler | None = None


def start_recording(recording: Recording, interval: float) -> None:
    """Sample the machine for a run from now on.

    Args:
        recording: the system metrics of the run.
        interval: seconds between two samples from now on, for all runs of the process.
    """
    global _sampler
    with _lock:
        is_new = _sampler is None
        sampler = _sampler = _sampler or Sampler()
        recording.sampler = sampler
        sampler.members.add(recording)
        sampler.requests.put(partial(sampler.add, recording, interval))
        if is_new:
            threading.Thread(target=sampler.run, name="runstream-system", daemon=True).start()


def stop_recording(recording: Recording) -> None:
    """Sample no more for a run; once is enough.

    Returns when the last sample is logged, after `LAST_SAMPLE_SECONDS` at the latest.
    """
    global _sampler
    done = threading.Event()
    with _lock:
        sampler = recording.sampler
        if not isinstance(sampler, Sampler) or recording not in sampler.members:
            return
        sampler.members.remove(recording)
        if not sampler.members and _sampler is sampler:
            _sampler = None  # its thread ends when it has done what was asked of it
        sampler.requests.put(partial(sampler.finish, recording, done))
    if not done.wait(LAST_SAMPLE_SECONDS):
        log.warning(
            "the last system metrics of a run were not logged: they could not be read and queued "
            "within %g s",
            LAST_SAMPLE_SECONDS,
        )


class Sampler:
    """Reads the machine at each interval; `run` is the thread.

    Attributes:
        requests: what the thread is to do for other threads.
        members: the recordings that were started and not stopped, which `_lock` protects.
    """

    def __init__(self) -> None:
        self.requests: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self.members: set[Recording] = set()
        self._recordings: list[Recording] = []  # those that the thread knows of
        self._readings: list[Reading] = []
        self._has_warned_of: set[str] = set()
        self._interval = settings.DEFAULT_INTERVAL
        self._last_read = self._last_round = 0.0
        self._last_sample = Sample({}, {})

    def run(self) -> None:
        """Sample until the last recording has ended."""
        self._readings = _process_readings()
        self._sample([])  # what is read as a difference begins here
        self._last_round = self._last_read
        while self._is_needed():
            wait = self._last_round + self._interval - time.monotonic()
            try:
                request = self.requests.get(timeout=max(0.0, wait))
            except Empty:
                self._last_round = time.monotonic()
                self._sample(self._recordings)
            else:
                request()

    def add(self, recording: Recording, interval: float) -> None:
        """Sample for one more run; called by the thread."""
        self._interval = interval
        if self._is_last_sample_old():
            self._sample([])
        recording.begin(self._last_sample)
        self._recordings.append(recording)

    def finish(self, recording: Recording, done: threading.Event) -> None:
        """Take the last sample for a run; called by the thread."""
        if self._is_last_sample_old():
            self._sample([recording])
        self._guard("a run", recording.flush)
        self._recordings.remove(recording)
        done.set()

    def _is_last_sample_old(self) -> bool:
        # A moment after another sample, shares of the time would be by chance.
        return time.monotonic() - self._last_read >= settings.MIN_INTERVAL / 2

    def _is_needed(self) -> bool:
        with _lock:  # a recording that ends is no member before its request is there
            return bool(self.members) or not self.requests.empty()

    def _sample(self, recordings: Iterable[Recording]) -> None:
        self._last_read = time.monotonic()
        sample = Sample({}, {})
        for reading in self._readings:
            self._guard(reading.name, self._read, reading, sample)
        self._last_sample = sample
        for recording in recordings:
            self._guard("a run", recording.add, sample)

    def _read(self, reading: Reading, sample: Sample) -> None:
        found = sample.of_process if reading.is_of_process else sample.of_machine
        found.update(reading.read())

    def _guard(self, name: str, function: Callable[..., object], *arguments: object) -> None:
        """Call a function; the first error of each name is a warning."""
        try:
            function(*arguments)
        except Exception as error:  # no fault here may reach a training
            if name not in self._has_warned_of:
                self._has_warned_of.add(name)
                log.warning("system metrics of %s are not logged: %s", name, error)


def _find_readings() -> list[Reading]:
    """Return all that can be read here. A library that is missing, or has no GPU, is none."""
    found = _readings_of(machine_readings, logging.WARNING)
    for gpus in (nvidia_readings, pyrsmi_readings, amdsmi_readings):
        if readings := _readings_of(gpus, logging.DEBUG):
            return found + readings
    return found


def _readings_of(find: Callable[[], list[Reading]], level: int) -> list[Reading]:
    try:
        return find()
    except Exception as error:  # each library has errors of its own
        log.log(level, "system metrics: %s: %s", find.__name__, error)
        return []


# Found once: drivers of GPUs may take a second for it, and short runs follow each other.
_process_readings = cache(_find_readings)


def _reset_after_fork() -> None:
    global _lock, _sampler
    _lock, _sampler = threading.RLock(), None
    _process_readings.cache_clear()


os.register_at_fork(after_in_child=_reset_after_fork)
