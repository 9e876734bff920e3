"""`twistd mcmtpush`: the options, and the way from them to a service.

This file and `worker` are the only ones that name the reactor.
"""

from __future__ import annotations

import atexit
import os
import random
import signal
import socket
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.error import ReactorNotRunning
from twisted.logger import Logger
from twisted.python import usage

from mcmtpush._version import __version__
from mcmtpush.config.lint import load_configuration
from mcmtpush.config.settings import Configuration
from mcmtpush.dispatch import hasten
from mcmtpush.errors import ConfigError, McmtPushError, StartError
from mcmtpush.files import DiskFiles, read_search_path
from mcmtpush.gateway import Gateway
from mcmtpush.inheritance import left_over
from mcmtpush.judges import JUDGES
from mcmtpush.memory import ProcessMemory, tolerate_garbage
from mcmtpush.workers import Workers
from mcmtpush.world import World


log = Logger()


class Options(usage.Options):
    """What may stand behind `twistd mcmtpush`."""

    synopsis = "[--config FILE]"
    longdesc = (
        "Takes multi-channel MIME messages by ESMTP, queues them durably and "
        "delivers their push part to Apple's service or a compatible gateway. "
        "Check a configuration with `mcmtpush check FILE`."
    )
    optParameters: ClassVar[list[Sequence[object]]] = [
        ("config", "c", "conf/ecelerity.conf", "The configuration file."),
    ]
    compData = usage.Completions(optActions={"config": usage.CompleteFiles("*.conf")})

    def opt_version(self) -> None:
        """Print the version and exit."""
        print(f"mcmtpush {__version__}")
        raise SystemExit(0)


def read(path: str) -> tuple[Configuration | None, list[ConfigError]]:
    """The configuration at `path`, None if there are errors, and all findings."""
    return load_configuration(
        path,
        DiskFiles(),
        time.time(),
        socket.gethostname(),
        JUDGES,
        search_path=read_search_path(os.environ),
    )


def read_or_exit(path: str) -> Configuration:
    """The configuration at `path`, or every error on one line each and exit 1."""
    configuration, findings = read(path)
    for finding in findings:
        print(finding, file=sys.stderr)
    if configuration is None:
        errors = sum(finding.severity == "error" for finding in findings)
        print(f"mcmtpush: not started: {errors} error(s) in {path}", file=sys.stderr)
        raise SystemExit(1)
    return configuration


def makeService(options: Options) -> Program:
    """Called by twistd, before it daemonises and before logging starts."""
    from twisted.internet import reactor as installed  # noqa: PLC0415 - only now

    reactor: Any = installed
    # Timers must not follow a wall clock that is set: the reactor's default does.
    reactor.seconds = time.monotonic
    hasten(reactor)
    tolerate_garbage()
    sys.excepthook = say_in_one_line
    world = World(
        reactor=reactor,
        now=time.time,
        dice=random.SystemRandom(),
        pid=os.getpid,
        memory=ProcessMemory(),
        # The process may be in another folder by then.
        reread=partial(read, str(Path(options["config"]).absolute())),
    )
    program = Program(read_or_exit(options["config"]), world)
    reactor.callWhenRunning(heed_signals, reactor, program)
    return program


class Program(Service):
    """A gateway in this process, or workers; which is seen at the start."""

    def __init__(self, configuration: Configuration, world: World) -> None:
        self._configuration = configuration
        self._world = world
        self._chosen: Gateway | Workers
        self._failed = False

    def startService(self) -> None:
        """Called by twistd once it has forked; raises StartError."""
        super().startService()
        process = self._configuration.process()
        count = cores() if process.workers == "auto" else process.workers
        try:
            several = count > 1 or left_over(
                process.spoolbase, count, self._world.now()
            )
        except McmtPushError as error:
            raise StartError(str(error)) from error
        if several:
            self._chosen = Workers(self._configuration, self._world, count, self._fail)
        else:
            self._chosen = Gateway(self._configuration, self._world)
        self._chosen.startService()

    def _fail(self, reason: str) -> None:
        """It cannot start, as is known only now that the reactor runs.

        The first reason counts: the others are about to be stopped.
        """
        if self._failed:
            return
        self._failed = True
        print(f"mcmtpush: not started: {reason}", file=sys.__stderr__)
        atexit.register(fail)
        with suppress(ReactorNotRunning):
            self._world.reactor.stop()

    def stopService(self) -> Deferred[None]:
        """See `Gateway`."""
        super().stopService()
        return self._chosen.stopService()

    def hurry(self) -> None:
        """See `Gateway`."""
        self._chosen.hurry()

    def resume(self) -> None:
        """See `Gateway`."""
        self._chosen.resume()

    def reload(self) -> None:
        """See `Gateway`."""
        self._chosen.reload()


def cores() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def fail() -> None:
    """End with exit code 1, as twistd does not once its reactor ran; in good order."""
    sys.stdout.flush()
    os._exit(1)


def heed_signals(reactor: Any, gateway: Program) -> None:
    """SIGTERM and SIGINT drain and exit 0; once more, they end the waiting.

    SIGHUP reopens the record logs and reads the configuration again; SIGUSR2 resumes
    what a guard suspended and releases held messages.

    Called once the reactor has put its own handlers in place, which would end the
    process with the signal's number.
    """

    def stop(number: int, _: object) -> None:
        reactor.callFromThread(stop_once, signal.Signals(number).name)

    def stop_once(name: str) -> None:
        log.info("{name}: stopping", name=name)
        try:
            reactor.stop()
        except ReactorNotRunning:
            gateway.hurry()

    def reload(_: int, __: object) -> None:
        reactor.callFromThread(gateway.reload)

    def resume(_: int, __: object) -> None:
        reactor.callFromThread(gateway.resume)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGHUP, reload)
    signal.signal(signal.SIGUSR2, resume)


def say_in_one_line(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Why the program did not start is for operators: no traceback."""
    if issubclass(kind, StartError):
        print(f"mcmtpush: not started: {error}", file=sys.__stderr__)
    else:
        sys.__excepthook__(kind, error, trace)
