"""Several server processes on one pair of ports, and the process that starts and ends them.

The starting process serves nothing. It reserves the ports, starts the workers as programs of their
own (`runstream_service.cli.worker`), and starts one again that ended. Each worker listens on the
same ports (SO_REUSEPORT), and the kernel gives every new connection to one of them. The standard
input of a worker is a pipe from the starting process: it brings the settings, and its end tells
the worker that the starting process is gone. docs/decisions/0052-workers.md
"""

from __future__ import annotations

import json
import logging
import secrets
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import asdict, replace
from socket import socketpair
from subprocess import PIPE, Popen
from typing import NoReturn

from runstream_service.config import Config
from runstream_service.logs import start_logging
from runstream_service.ports import GRPC_ADVICE, HTTP_ADVICE, CannotListenError, reserve_port
from runstream_service.stop_signals import stop_signals

log = logging.getLogger(__name__)

#: Processes that one command starts at most.
MAX_WORKERS = 64

#: Seconds between the starts of a worker that ends again and again, at most.
MAX_PAUSE = 30.0

# Seconds after which a worker that ended is started again at once.
_STABLE_SECONDS = 60.0

#: Seconds that workers have to end; those that the database holds up end before (stop_deadline.py).
STOP_SECONDS = 60.0

# What a worker runs. The current folder, which `-c` puts in front of all others, has modules of the
# user, if any.
_PROGRAM = (
    "import sys; sys.path = [*filter(None, sys.path)]; "
    "from runstream_service.cli.worker import worker; worker()"
)


def run_workers(config: Config) -> NoReturn:
    """Serve by `config.workers` processes until SIGTERM, SIGINT or SIGHUP.

    Raises:
        SystemExit: with status 2 if the workers cannot start, after one line on stderr, else 0 or
            the status of a worker that did not end well.
    """
    start_logging(config.log_level, config.log_format)
    try:
        with ExitStack() as reserved:
            config = _reserve_ports(config, reserved)
            status = _Workers(config).run()
    except CannotListenError as error:
        print(f"runstream server: {error}", file=sys.stderr)  # noqa: T201 # for the person who started it
        raise SystemExit(2) from None
    raise SystemExit(status)


def _reserve_ports(config: Config, reserved: ExitStack) -> Config:
    """Return the settings with the ports that are reserved until `reserved` is closed."""
    sockets = [reserved.enter_context(reserve_port(config.host, config.port, GRPC_ADVICE))]
    if config.http_port is not None:
        sockets.append(
            reserved.enter_context(reserve_port(config.host, config.http_port, HTTP_ADVICE))
        )
    port, *http_port = (one.getsockname()[1] for one in sockets)
    return replace(
        config,
        port=port,
        http_port=http_port[0] if http_port else None,
        worker_group=f"runstream-{secrets.token_hex(16)}",
    )


class _Workers:
    """The workers, from their start to their end; each has a thread that waits for it."""

    def __init__(self, config: Config) -> None:
        settings = asdict(config)
        del settings["worker"]
        self._settings = json.dumps(settings).encode() + b"\n"
        self._numbers = range(1, config.workers + 1)
        self._processes: dict[int, Popen[bytes]] = {}
        self._stop = threading.Event()
        # Python writes to it when a signal comes. A handler would be called by the main thread
        # alone, which waits for workers, perhaps from just after the signal on.
        self._signals, self._wakeup = socketpair()
        self._wakeup.setblocking(False)

    def run(self) -> int:
        """Start the workers, keep them running until a signal, and return the exit status."""
        signal.set_wakeup_fd(self._wakeup.fileno(), warn_on_full_buffer=False)
        for number in stop_signals():
            signal.signal(number, lambda *_: None)
        threading.Thread(target=self._end_at_signal, daemon=True).start()
        with ThreadPoolExecutor(len(self._numbers)) as threads:
            # The first one alone prepares the database, and says what is wrong.
            greetings = [self._start(1)]
            if greetings[0]:
                greetings += threads.map(self._start, self._numbers[1:])
            is_failed = not all(greetings) and not self._stop.is_set()
            if is_failed:
                self._end_all()
            elif all(greetings):
                line = f"{greetings[0].rstrip()}, by {len(self._numbers)} workers"
                print(line, flush=True)  # noqa: T201 # what the person who started it wants to know
            statuses = list(threads.map(self._keep_running, self._processes))
        return 2 if is_failed else next(filter(None, statuses), 0)

    def _start(self, number: int) -> str:
        """Start a worker; return what it prints when it serves, or nothing if it ends before."""
        try:
            process = Popen(  # noqa: S603 # this interpreter, and a program of ours
                [sys.executable, "-c", _PROGRAM, str(number)],
                bufsize=0,
                stdin=PIPE,
                stdout=PIPE,
                start_new_session=True,  # Ctrl-C of a terminal is for this process
            )
        except OSError as error:
            log.error("worker %d cannot be started: %s", number, error)  # noqa: TRY400 # it is tried again
            return ""
        self._processes[number] = process
        if self._stop.is_set():
            process.terminate()
        assert process.stdin is not None  # noqa: S101 # for mypy
        assert process.stdout is not None  # noqa: S101
        with suppress(BrokenPipeError):  # it ended
            process.stdin.write(self._settings)
        return process.stdout.readline().decode()

    def _keep_running(self, number: int) -> int:
        """Start a worker again whenever it ends; return its exit status after a signal."""
        pause = 0.0
        while True:
            began = time.monotonic()
            with self._processes[number] as process:
                status = process.wait()
            if self._stop.is_set():
                return _exit_status(status)
            is_stable = time.monotonic() - began > _STABLE_SECONDS
            pause = 0.0 if is_stable else min(max(1.0, 2 * pause), MAX_PAUSE)
            level = logging.ERROR if status else logging.INFO  # 0: somebody told it to end
            ended = (number, _describe(status), pause)
            log.log(level, "worker %d ended %s, it is started again in %g s", *ended)
            if self._stop.wait(pause):
                return 0
            if self._start(number):
                log.info("worker %d serves", number)

    def _end_at_signal(self) -> None:
        self._signals.recv(1)
        self._end_all()

    def _end_all(self) -> None:
        """Ask all workers to end, and end those that do not in time."""
        if not self._stop.is_set():
            self._stop.set()
            self._signal_all(signal.SIGTERM)
            killing = threading.Timer(STOP_SECONDS, self._signal_all, (signal.SIGKILL,))
            killing.daemon = True
            killing.start()

    def _signal_all(self, number: signal.Signals) -> None:
        for process in list(self._processes.values()):
            process.send_signal(number)


def _exit_status(status: int) -> int:
    """Return the exit status of a worker that was told to end, as a shell has it."""
    if status == -signal.SIGTERM:  # it was starting
        return 0
    return status if status >= 0 else 128 - status


def _describe(status: int) -> str:
    return f"with status {status}" if status >= 0 else f"by {signal.Signals(-status).name}"
