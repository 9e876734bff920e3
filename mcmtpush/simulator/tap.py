"""`twistd apns-simulator`: the pretend Apple as a program of its own.

Reads the command line, makes the parts and listens.  Everything that is wrong
with the arguments is told in one line each, with exit code 1.
"""

from __future__ import annotations

import time
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple, cast

from twisted.application.service import MultiService
from twisted.logger import Logger

from mcmtpush.errors import ConfigError, ConfigErrors
from mcmtpush.ports import Dice
from mcmtpush.simulator.binary import ApnsSimulatorFactory
from mcmtpush.simulator.certificates import (
    ServerContext,
    make_development_certificates,
    make_development_key,
    server_context,
)
from mcmtpush.simulator.complaint import give_up
from mcmtpush.simulator.feedback import ApnsFeedbackFactory
from mcmtpush.simulator.http2 import ALPN, ApnsHttp2Factory
from mcmtpush.simulator.journal import Journal
from mcmtpush.simulator.journalfile import JournalFile
from mcmtpush.simulator.listener import Closing, Listener
from mcmtpush.simulator.options import Options
from mcmtpush.simulator.provider.trust import Keyring, ProviderKey, read_key
from mcmtpush.simulator.script import Script
from mcmtpush.simulator.source import load_script, read_authority, read_development_key


_log = Logger()


def makeService(options: Options) -> MultiService:
    """The running program; SystemExit with one line when it cannot be."""
    from twisted.internet import reactor  # noqa: PLC0415 - installed only now

    service = MultiService()
    try:
        _add_listeners(options, service, reactor)
    except ConfigErrors as errors:
        give_up(*(str(error) for error in errors.errors))
    except ConfigError as error:
        give_up(str(error))
    except OSError as error:
        give_up(f"{error.filename}: {error.strerror}")
    return service


def _add_listeners(options: Options, service: MultiService, reactor: Any) -> None:
    """Read what the options name, and what it takes to listen."""
    script = load_script(options["script"], options["seed"])
    world: dict[str, Any] = {
        "script": script,
        "journal": _open_journal(options["journal"], service),
        "clock": reactor,
        "now": time.time,
    }
    tls = _make_tls(options, service)
    keyring = Keyring(_read_keys(options, tls))
    authority = read_authority(tls.client_ca)
    gateway = ApnsSimulatorFactory(dice=_dice(script), **world)
    feedback = ApnsFeedbackFactory(gone=gateway.gone, clock=reactor)
    http2 = ApnsHttp2Factory(
        dice=_dice(script), keyring=keyring, authority=authority, **world
    )
    for name, address, factory, context in (
        ("gateway", options["listen"], gateway, tls.binary),
        ("feedback service", options["feedback"], feedback, tls.binary),
        ("HTTP/2 API", options["http2"], http2, tls.http2),
    ):
        if address is not None:
            listener = Listener(reactor, name, address, factory, context)
            listener.setServiceParent(service)


def _dice(script: Script) -> Dice:
    return cast("Dice", Random(script.seed))  # noqa: S311 - repeatable, not secret


class _Tls(NamedTuple):
    """The two kinds of context, and what belongs to them.

    `folder` holds development certificates; None when there are others.
    """

    binary: ServerContext
    http2: ServerContext
    client_ca: str | None
    folder: str | None


def _make_tls(options: Options, service: MultiService) -> _Tls:
    old_tls = bool(options["old-tls"])
    certificate, key = options["certificate"], options["key"]
    ca, folder = options["client-ca"], None
    if not certificate:
        folder = _development_folder(options, service)
        paths = make_development_certificates(folder, time.time)
        _log.info(
            "development certificates: authority {ca}, client {client} and {key}",
            ca=paths.ca,
            client=paths.client,
            key=paths.client_key,
        )
        certificate, key, ca = paths.server, paths.server_key, ca or paths.ca
    return _Tls(
        server_context(certificate, key, old_tls=old_tls),
        server_context(certificate, key, alpn=ALPN),
        ca,
        folder,
    )


def _development_folder(options: Options, service: MultiService) -> str:
    folder = options["certificates"]
    if folder is None:
        temporary = TemporaryDirectory(prefix="apns-simulator-")
        Closing(temporary.cleanup).setServiceParent(service)
        folder = temporary.name
    return str(Path(folder).absolute())


def _read_keys(options: Options, tls: _Tls) -> list[ProviderKey]:
    """Those that were named; without any, the one made for development."""
    if options.key_files or options["http2"] is None:
        return [
            read_key(Path(file.path).read_bytes(), *file[1:], file.path)
            for file in options.key_files
        ]
    if tls.folder is None:
        return []
    key = read_development_key(tls.folder)
    _log.info(
        "development provider key: {path}, id {key_id}, team {team_id}",
        path=make_development_key(tls.folder),
        key_id=key.key_id,
        team_id=key.team_id,
    )
    return [key]


def _open_journal(path: str | None, service: MultiService) -> Journal:
    if path is None:
        return Journal()
    file = JournalFile(path)
    Closing(file.close).setServiceParent(service)
    return Journal(write=file.write)
