"""`twistd mcmtpush`: the options, and the way from them to a service.

This file and `service` are the only ones that name the reactor.
"""

from __future__ import annotations

import os
import random
import signal
import socket
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar

from twisted.internet.error import ReactorNotRunning
from twisted.logger import Logger
from twisted.python import usage

from mcmtpush._version import __version__
from mcmtpush.config.lint import load_configuration
from mcmtpush.config.settings import Configuration
from mcmtpush.dispatch import hasten
from mcmtpush.errors import ConfigError
from mcmtpush.files import DiskFiles, read_search_path
from mcmtpush.judges import JUDGES
from mcmtpush.memory import ProcessMemory
from mcmtpush.service import Gateway, StartError, World


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


def makeService(options: Options) -> Gateway:
    """Called by twistd, before it daemonises and before logging starts."""
    from twisted.internet import reactor as installed  # noqa: PLC0415 - only now

    reactor: Any = installed
    # Timers must not follow a wall clock that is set: the reactor's default does.
    reactor.seconds = time.monotonic
    hasten(reactor)
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
    gateway = Gateway(read_or_exit(options["config"]), world)
    reactor.callWhenRunning(heed_signals, reactor, gateway)
    return gateway


def heed_signals(reactor: Any, gateway: Gateway) -> None:
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
