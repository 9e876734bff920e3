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
from twisted.python.failure import Failure

from mcmtpush.config.views import ProcessSettings, SimulatorSettings
from mcmtpush.errors import ConfigError
from mcmtpush.ports import Now
from mcmtpush.reception.opening import open_socket
from mcmtpush.simulator.binary import ApnsSimulatorFactory
from mcmtpush.simulator.certificates import (
    CertificatePaths,
    make_development_certificates,
    server_context,
)
from mcmtpush.simulator.http2 import ALPN, ApnsHttp2Factory
from mcmtpush.simulator.journal import Journal
from mcmtpush.simulator.journalfile import JournalFile
from mcmtpush.simulator.provider.trust import Keyring
from mcmtpush.simulator.script import Script
from mcmtpush.simulator.source import load_script, read_authority, read_development_key


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
    _factories: list[ApnsSimulatorFactory | ApnsHttp2Factory] = field(
        init=False, factory=list
    )
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
        spoken = {listen.protocol for listen in settings.listens} or {"apn"}
        http2 = "apn2" in spoken
        paths = self._development(settings, http2=http2)
        script = self._script(settings)
        world = {
            "script": script,
            "journal": self._journal(settings),
            "clock": self.reactor,
            "now": self.now,
        }
        secured = {}
        for protocol in sorted(spoken):
            factory = self._factory(protocol, world, paths)
            self._factories.append(factory)
            context = self._context(settings, paths, protocol)
            secured[protocol] = TLSMemoryBIOFactory(
                context, False, factory, self.reactor
            )
            secured[protocol].noisy = False
        for listen in settings.listens:
            port = await open_socket(self.reactor, listen, secured[listen.protocol])
            self._ports.append(port)

    def _factory(
        self, protocol: str, world: dict[str, Any], paths: CertificatePaths | None
    ) -> ApnsSimulatorFactory | ApnsHttp2Factory:
        dice = Random(world["script"].seed)  # noqa: S311 - repeatable, not secret
        if protocol == "apn":
            return ApnsSimulatorFactory(dice=dice, **world)
        keyring = Keyring([read_development_key(self.folder)])
        authority = read_authority(None if paths is None else paths.ca)
        return ApnsHttp2Factory(
            dice=dice, keyring=keyring, authority=authority, **world
        )

    def _development(
        self, settings: SimulatorSettings, *, http2: bool
    ) -> CertificatePaths | None:
        """Those for development; None where the binary half has its own."""
        if settings.certificate is not None and not http2:
            return None
        try:
            return make_development_certificates(self.folder, self.now)
        except OSError as error:
            raise _unusable(
                "make development certificates", self.folder, error
            ) from error

    def _context(
        self, settings: SimulatorSettings, paths: CertificatePaths | None, protocol: str
    ) -> Any:
        certificate, key = settings.certificate, settings.key
        if paths is not None and certificate is None:
            certificate, key = paths.server, paths.server_key
        alpn = ALPN if protocol == "apn2" else None
        return server_context(certificate or "", key, alpn=alpn)

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
        factories, self._factories = self._factories, []
        for factory in factories:
            factory.disconnect()
        ports, self._ports = self._ports, []
        closed = gatherResults([maybeDeferred(port.stopListening) for port in ports])
        return closed.addCallback(self._close)

    def _close(self, _: object) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def _unusable(what: str, path: str, error: OSError) -> ConfigError:
    return ConfigError(f"cannot {what}: {error.strerror}", path)


def at_once(opening: Deferred[Any]) -> None:
    """Sockets open within the call or not at all: raise what went wrong."""
    failures: list[Failure] = []
    opening.addErrback(failures.append)
    for failure in failures:
        failure.raiseException()
