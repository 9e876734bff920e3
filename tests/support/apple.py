"""The pretend Apple: both its interfaces, and the ways that lead there."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any, Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectError

from mcmtpush.config.views import Route
from mcmtpush.delivery.binary import BinaryConnection
from mcmtpush.simulator.binary import ApnsSimulatorFactory
from mcmtpush.simulator.http2 import ApnsHttp2Factory
from mcmtpush.simulator.provider.identity import Identity
from mcmtpush.simulator.provider.trust import Keyring, read_key
from mcmtpush.simulator.script import Script
from tests.support.account import Account


if TYPE_CHECKING:
    from tests.support.pipe import Pipe
    from tests.support.program import Machine


TOPIC: Final = "com.example.app"
BINARY: Final = Route("apn", "gateway.example", None, 0)
HTTP2: Final = Route("apn2", "api.example", None, 0)
"""Where the client's certificate is for `TOPIC`."""
TOKENS: Final = Route("apn2", "token.example", None, 0)
"""Where it needs a provider token."""

KEY_ID: Final = "PIPEKEY001"
TEAM_ID: Final = "PIPETEAM01"
PEM: Final = ec.generate_private_key(ec.SECP256R1()).private_bytes(
    serialization.Encoding.PEM,
    serialization.PrivateFormat.PKCS8,
    serialization.NoEncryption(),
)
"""The key that Apple knows, as a .p8 file."""


class Apple:
    """One script at work on every interface; they share the pipe's journal."""

    def __init__(self, pipe: Pipe, script: Script) -> None:
        common: Any = {
            "script": script,
            "journal": pipe.journal,
            "clock": pipe.clock,
            "now": pipe.now,
        }
        identity = Identity((TOPIC, f"{TOPIC}.voip"))
        keyring = Keyring([read_key(PEM, KEY_ID, TEAM_ID, None)])
        self.hosts: dict[str, Any] = {
            BINARY.host: ApnsSimulatorFactory(dice=Random(script.seed), **common),
            HTTP2.host: ApnsHttp2Factory(
                dice=Random(script.seed), identity=identity, **common
            ),
            TOKENS.host: ApnsHttp2Factory(
                dice=Random(script.seed), keyring=keyring, **common
            ),
        }

    def answer(self, route: Route) -> Any:
        """A connection comes by this route; who speaks with it."""
        return self.hosts[route.host].buildProtocol(None)

    def disconnect(self) -> None:
        """Cut every connection off."""
        for host in self.hosts.values():
            host.disconnect()


class Network:
    """How the pool reaches its routes."""

    def __init__(self, pipe: Pipe, machine: Machine) -> None:
        self.pipe = pipe
        self.machine = machine

    def __call__(self, route: Route) -> Endpoint:
        return Endpoint(self.pipe, self.machine, route)

    def fail(self, address: str) -> None:
        """There is only one address."""


class Endpoint:
    """The way to the simulator, as the pipe's network has it."""

    def __init__(self, pipe: Pipe, machine: Machine, route: Route) -> None:
        self.pipe = pipe
        self.machine = machine
        self.route = route

    def connect(self, factory: Any) -> Deferred[Any]:
        done: Deferred[Any] = Deferred()
        self.pipe.asked.append(self.route)
        if self._state != "silent":
            self.machine.callLater(0.01, self._finish, factory, done)
        return done

    @property
    def _state(self) -> str:
        return self.pipe.ways.get(self.route.host, self.pipe.network)

    def _finish(self, factory: Any, done: Deferred[Any]) -> None:
        if done.called:
            return
        if self._state == "refuses":
            done.errback(ConnectError())
            return
        protocol = factory.buildProtocol(None)
        if isinstance(protocol, BinaryConnection):
            self.pipe.windows.append(protocol._window)
        self.pipe.plug(protocol, self.pipe.apns.answer(self.route))
        if not isinstance(protocol, BinaryConnection):
            self.pipe.accounts.append(Account(protocol))
        done.callback(protocol)
