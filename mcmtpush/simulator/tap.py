"""`twistd apns-simulator`: the pretend Apple as a program of its own.

Reads the command line, makes the parts and listens.  Everything that is wrong
with the arguments is told in one line each, with exit code 1.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple, NoReturn, cast

from attrs import evolve
from twisted.application.service import MultiService, Service
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import ServerFactory
from twisted.logger import Logger
from twisted.python import usage

from mcmtpush.errors import ConfigError, ConfigErrors
from mcmtpush.ports import Dice
from mcmtpush.simulator.binary import (
    ApnsFeedbackFactory,
    ApnsSimulatorFactory,
    JournalFile,
)
from mcmtpush.simulator.certificates import (
    KEY_ID,
    TEAM_ID,
    ServerContext,
    make_development_certificates,
    make_development_key,
    server_context,
)
from mcmtpush.simulator.http2 import ALPN, ApnsHttp2Factory
from mcmtpush.simulator.journal import Journal
from mcmtpush.simulator.provider.identity import Authority
from mcmtpush.simulator.provider.trust import Keyring, ProviderKey, read_key
from mcmtpush.simulator.script import Script, read_script
from mcmtpush.simulator.vocabulary import ENVIRONMENTS


_log = Logger()

DEFAULT_LISTEN: Final = "127.0.0.1:2195"


class Address(NamedTuple):
    """Where to listen; `host` is empty for every IPv4 address."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def read_address(text: str) -> Address:
    """`127.0.0.1:2195`, `:2195`, `localhost:2195` or `[::1]:2195`.

    Raises ValueError.
    """
    host, colon, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError(f"{text!r}: an IPv6 address wants brackets, as in [::1]:2195")
    if not colon or not (port.isascii() and port.isdigit()) or int(port) > 65535:
        raise ValueError(f"{text!r} is no address, give HOST:PORT or :PORT")
    return Address(host, int(port))


class KeyFile(NamedTuple):
    """A key that signs provider tokens, as the command line names it."""

    path: str
    key_id: str
    team_id: str
    environment: str | None = None


def read_key_file(text: str) -> KeyFile:
    """`AuthKey_ABC123DEFG.p8:ABC123DEFG:DEF123GHIJ`, maybe with `:production`.

    Raises ValueError.
    """
    parts = text.split(":")
    environment = parts.pop() if parts[-1] in ENVIRONMENTS else None
    if len(parts) < 3 or not all(parts):
        raise ValueError(f"{text!r} is no key, give FILE:KEYID:TEAMID")
    *path, key_id, team_id = parts
    return KeyFile(":".join(path), key_id, team_id, environment)


class Options(usage.Options):
    """The command line.

    Attributes:
        key_files: those of `--key-file`.
    """

    synopsis = "[options]"
    longdesc = (
        "A pretend Apple push gateway for the binary protocol (commands 0, 1 and 2) "
        "and for the HTTP/2 provider API: it takes notifications over TLS, answers as "
        "Apple does, keeps a journal, and makes the faults its script asks for."
    )
    optParameters = [  # noqa: RUF012 - Twisted's way
        [
            "listen",
            "l",
            None,
            f"HOST:PORT of the gateway ({DEFAULT_LISTEN} without --http2); 0 is any.",
        ],
        ["feedback", "f", None, "HOST:PORT of the feedback service; none without."],
        ["http2", "2", None, "HOST:PORT of the HTTP/2 provider API; none without."],
        [
            "client-ca",
            None,
            None,
            "PEM file: who signs client certificates for HTTP/2 (else development).",
        ],
        ["certificate", "c", None, "PEM file with the server's certificate chain."],
        ["key", "k", None, "PEM file with its key; else it is with the certificate."],
        [
            "certificates",
            "C",
            None,
            "Folder for development certificates, made if absent (else temporary).",
        ],
        ["journal", "j", None, "File that gets one JSON line for every frame."],
        ["script", "s", None, "JSON file that says which faults to make."],
        ["seed", None, None, "Seed of chance, instead of the script's."],
    ]

    optFlags = [  # noqa: N815, RUF012 - Twisted's way
        ["old-tls", None, "Let clients in that know nothing newer than TLS 1.0."],
    ]

    def __init__(self) -> None:
        super().__init__()
        self.key_files: list[KeyFile] = []

    def opt_key_file(self, text: str) -> None:
        """FILE:KEYID:TEAMID of a provider key for HTTP/2 (.p8 or public PEM), or more
        of them; :development or :production may follow.
        """  # noqa: D205 - Twisted shows all of it as help
        self.key_files.append(_checked("key-file", read_key_file, text))

    def parseOptions(self, options: Sequence[str] | None = None) -> None:  # noqa: N802 - Twisted's
        """As usual, but a fault is one line and not a page of help."""
        try:
            usage.Options.parseOptions(self, options)
        except usage.error as error:
            _exit(str(error))

    def postOptions(self) -> None:
        """Check what can be checked without touching anything."""
        if self["listen"] is None and self["http2"] is None:
            self["listen"] = DEFAULT_LISTEN
        for name in ("listen", "feedback", "http2"):
            if self[name] is not None:
                self[name] = _checked(name, read_address, self[name])
        if self["seed"] is not None:
            self["seed"] = _checked("seed", _read_seed, self["seed"])
        if self["key"] and not self["certificate"]:
            raise usage.UsageError("--key needs --certificate")
        if self["certificate"] and self["certificates"]:
            raise usage.UsageError("give --certificate or --certificates, not both")


def _checked(name: str, read: Any, text: str) -> Any:
    try:
        return read(text)
    except ValueError as error:
        raise usage.UsageError(f"--{name}: {error}") from error


def _read_seed(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f"{text!r} is not a whole number")
    return int(text)


def makeService(options: Options) -> MultiService:
    """The running program; SystemExit with one line when it cannot be."""
    from twisted.internet import reactor  # noqa: PLC0415 - installed only now

    service = MultiService()
    try:
        script = load_script(options["script"], options["seed"])
        journal = _open_journal(options["journal"], service)
        tls = _make_tls(options, service)
        keyring = Keyring(_read_keys(options, tls))
        authority = read_authority(tls.client_ca)
    except ConfigErrors as errors:
        _exit(*(str(error) for error in errors.errors))
    except ConfigError as error:
        _exit(str(error))
    except OSError as error:
        _exit(f"{error.filename}: {error.strerror}")
    world: dict[str, Any] = {
        "script": script,
        "journal": journal,
        "clock": reactor,
        "now": time.time,
    }
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
    return service


def _dice(script: Script) -> Dice:
    return cast("Dice", Random(script.seed))  # noqa: S311 - repeatable, not secret


def load_script(path: str | None, seed: int | None) -> Script:
    """The script in a file, or the one that makes no faults.

    `seed` replaces the script's own.  Raises OSError and `ConfigErrors`.
    """
    script = Script() if path is None else read_script(Path(path).read_bytes(), path)
    return script if seed is None else evolve(script, seed=seed)


def read_authority(path: str | None) -> Authority | None:
    """Who signs clients' certificates; raises OSError and `ConfigError`."""
    return None if path is None else Authority(Path(path).read_bytes(), path)


def read_development_key(folder: str) -> ProviderKey:
    """The key of the development folder, made if there is none; raises OSError."""
    path = make_development_key(folder)
    return read_key(Path(path).read_bytes(), KEY_ID, TEAM_ID, None, path)


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


def _exit(*lines: str) -> NoReturn:
    sys.exit("\n".join(f"apns-simulator: {line}" for line in lines))


class Listener(Service):
    """One listening socket with TLS, told of in the diagnostics."""

    def __init__(
        self,
        reactor: Any,
        name: str,
        address: Address,
        factory: ServerFactory,
        context: ServerContext,
    ) -> None:
        self._reactor = reactor
        self._name = name
        self._address = address
        self._factory = factory
        self._context = context
        self._port: Any = None

    def privilegedStartService(self) -> None:
        """Listen while low ports are still allowed."""
        try:
            self._port = self._reactor.listenSSL(
                self._address.port,
                self._factory,
                self._context,
                interface=self._address.host,
            )
        except CannotListenError as error:
            why = error.socketError.strerror or error.socketError
            _exit(f"cannot listen on {self._address}: {why}")
        bound = self._address._replace(port=self._port.getHost().port)
        _log.info("APNs {name} listening on {address}", name=self._name, address=bound)

    def startService(self) -> None:
        """Listen, unless that was done already."""
        super().startService()
        if self._port is None:
            self.privilegedStartService()

    def stopService(self) -> Deferred[Any]:
        """Listen no more, and cut off whoever is there."""
        super().stopService()
        port, self._port = self._port, None
        if isinstance(self._factory, (ApnsSimulatorFactory, ApnsHttp2Factory)):
            self._factory.disconnect()
        return maybeDeferred(port.stopListening)


class Closing(Service):
    """Something to be closed or removed when the program ends."""

    def __init__(self, close: Callable[[], None]) -> None:
        self._close = close

    def stopService(self) -> None:
        """Do it."""
        super().stopService()
        self._close()
