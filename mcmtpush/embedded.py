"""The simulator inside the gateway's process: the `apns_simulator` stanza."""

from __future__ import annotations

import posixpath
from pathlib import Path
from random import Random
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred, gatherResults, maybeDeferred, succeed
from twisted.internet.interfaces import IListeningPort
from twisted.protocols.tls import TLSMemoryBIOFactory

from mcmtpush.config.views import ProcessSettings, SimulatorSettings
from mcmtpush.errors import ConfigError
from mcmtpush.ports import Now
from mcmtpush.reception.listener import open_socket
from mcmtpush.simulator.binary import ApnsSimulatorFactory, JournalFile
from mcmtpush.simulator.certificates import (
    make_development_certificates,
    server_context,
)
from mcmtpush.simulator.journal import Journal
from mcmtpush.simulator.script import Script
from mcmtpush.simulator.tap import load_script


@define(eq=False)
class EmbeddedSimulator:
    """The stanza at work: certificates, journal, sockets.

    Attributes:
        settings: of the stanza; None if there is none, and nothing happens.
        folder: where development certificates are made.
    """

    settings: SimulatorSettings | None
    folder: str
    reactor: Any
    now: Now
    _factory: ApnsSimulatorFactory | None = field(init=False, default=None)
    _file: JournalFile | None = field(init=False, default=None)
    _ports: list[IListeningPort] = field(init=False, factory=list)

    @classmethod
    def of(cls, process: ProcessSettings, reactor: Any, now: Now) -> EmbeddedSimulator:
        """The simulator a configuration asks for."""
        folder = posixpath.join(process.spoolbase, "development")
        return cls(process.simulator, folder, reactor, now)

    def start(self) -> Deferred[None]:
        """Listen; fails with a ConfigError or ConfigErrors that say what to mend."""
        if self.settings is None:
            return succeed(None)
        return Deferred.fromCoroutine(self._start(self.settings))

    async def _start(self, settings: SimulatorSettings) -> None:
        context = self._context(settings)
        script = self._script(settings)
        self._factory = ApnsSimulatorFactory(
            script=script,
            journal=self._journal(settings),
            clock=self.reactor,
            now=self.now,
            dice=Random(script.seed),  # noqa: S311 - repeatable, not secret
        )
        secured = TLSMemoryBIOFactory(context, False, self._factory, self.reactor)
        secured.noisy = False
        for listen in settings.listens:
            self._ports.append(await open_socket(self.reactor, listen, secured))

    def _context(self, settings: SimulatorSettings) -> Any:
        if settings.certificate is not None:
            return server_context(settings.certificate, settings.key)
        try:
            made = make_development_certificates(self.folder, self.now)
        except OSError as error:
            raise _unusable(
                "make development certificates", self.folder, error
            ) from error
        return server_context(made.server, made.server_key)

    def _script(self, settings: SimulatorSettings) -> Script:
        try:
            return load_script(settings.script, None)
        except OSError as error:
            path = settings.script or ""
            raise _unusable("read the simulator's script", path, error) from error

    def _journal(self, settings: SimulatorSettings) -> Journal:
        if settings.journal is None:
            return Journal()
        try:
            Path(settings.journal).parent.mkdir(parents=True, exist_ok=True)
            self._file = JournalFile(settings.journal)
        except OSError as error:
            raise _unusable(
                "write the simulator's journal", settings.journal, error
            ) from error
        return Journal(write=self._file.write)

    def stop(self) -> Deferred[None]:
        """Cut off whoever is connected and close the sockets."""
        if self._factory is not None:
            self._factory.disconnect()
        ports, self._ports = self._ports, []
        closed = gatherResults([maybeDeferred(port.stopListening) for port in ports])
        return closed.addCallback(self._close)

    def _close(self, _: object) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def _unusable(what: str, path: str, error: OSError) -> ConfigError:
    return ConfigError(f"cannot {what}: {error.strerror}", path)
