"""What goes wrong in a round, at its time, and what ends it again."""

from __future__ import annotations

import heapq
import signal
import time
from collections.abc import Callable, Mapping
from random import Random

from chaos.forks import Process
from chaos.plan import Fault
from chaos.scene import Scene
from chaos.spool_disk import SpoolDisk


class Faults:
    """Does to trainers, server, network and disk what a plan says.

    Attributes:
        disk_failed: when the disk first failed, by `time.monotonic_ns`; None if it did not.
    """

    def __init__(
        self,
        faults: list[Fault],
        scene: Scene,
        disk: SpoolDisk,
        trainers: Mapping[str, Process],
        random: Random,
    ) -> None:
        """Plan the faults; nothing is done yet."""
        self._scene, self._disk, self._trainers, self._random = scene, disk, trainers, random
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._later: list[Callable[[], None]] = []  # what ends when the trainers have
        self.disk_failed: int | None = None
        for fault in faults:
            begin, end = getattr(self, f"_{fault.kind}")()
            self._put(fault.at, begin)
            if fault.seconds is None:
                self._later.append(end)
            else:
                self._put(fault.at + fault.seconds, end)

    def do_until(self, seconds: float) -> bool:
        """Do what is due so many seconds after the start; return whether there is more."""
        while self._agenda and self._agenda[0][0] <= seconds:
            heapq.heappop(self._agenda)[2]()
        return bool(self._agenda)

    def end(self) -> None:
        """Do what is left, and end what lasts until the trainers have ended."""
        self.do_until(float("inf"))
        for end in self._later:
            end()

    def _put(self, at: float, act: Callable[[], None]) -> None:
        heapq.heappush(self._agenda, (at, len(self._agenda) + len(self._later), act))

    # How each kind begins, and how it ends.

    def _kill_trainer(self) -> _Acts:
        return self._kill_some, _nothing

    def _terminate_trainer(self) -> _Acts:
        def terminate() -> None:
            for process in self._choose_trainers():
                process.terminate()

        return terminate, _nothing

    def _kill_server(self) -> _Acts:
        return self._scene.kill_server, self._scene.revive_server

    def _kill_both(self) -> _Acts:
        def kill() -> None:
            for one in self._random.sample([self._kill_some, self._scene.kill_server], 2):
                one()

        return kill, self._scene.revive_server

    def _crash(self) -> _Acts:
        def kill() -> None:
            for process in self._trainers.values():
                process.kill()

        return kill, _nothing

    def _stop_trainer(self) -> _Acts:
        def signal_all(number: int) -> None:
            for process in self._trainers.values():
                process.signal(number)

        return lambda: signal_all(signal.SIGSTOP), lambda: signal_all(signal.SIGCONT)

    def _stop_server(self) -> _Acts:
        scene = self._scene
        return (
            lambda: scene.server.process.send_signal(signal.SIGSTOP),
            lambda: scene.server.process.send_signal(signal.SIGCONT),
        )

    def _cut(self) -> _Acts:
        return self._scene.proxy.cut, self._scene.proxy.cut

    def _black_hole(self) -> _Acts:
        def heal() -> None:
            self._scene.proxy.heal()
            self._scene.proxy.cut()

        return self._scene.proxy.swallow, heal

    def _slow(self) -> _Acts:
        proxy, delay = self._scene.proxy, self._random.uniform(0.002, 0.1)
        return lambda: proxy.delay(delay), lambda: proxy.delay(0)

    def _disk_full(self) -> _Acts:
        return lambda: self._fail_disk(self._disk.fill), self._disk.make_room

    def _read_only(self) -> _Acts:
        begin = self._disk.forbid_writing
        return lambda: self._fail_disk(begin), self._disk.allow_writing

    def _clock_back(self) -> _Acts:
        return _nothing, _nothing  # the script does it

    def _fail_disk(self, fail: Callable[[], None]) -> None:
        self.disk_failed = self.disk_failed or time.monotonic_ns()
        fail()

    def _kill_some(self) -> None:
        for process in self._choose_trainers():
            process.kill()

    def _choose_trainers(self) -> list[Process]:
        trainers = list(self._trainers.values())
        count = self._random.randint(1, len(trainers)) if trainers else 0
        return self._random.sample(trainers, count)


_Acts = tuple[Callable[[], None], Callable[[], None]]


def _nothing() -> None:
    """End something that has no end."""
