"""The simulator of a configuration: both halves, sockets, credentials."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet.testing import MemoryReactorClock

from mcmtpush.config.views import ListenSettings, ProcessSettings, SimulatorSettings
from mcmtpush.embedded import EmbeddedSimulator
from mcmtpush.simulator.binary import ApnsSimulatorFactory
from mcmtpush.simulator.http2 import ApnsHttp2Factory
from mcmtpush.simulator.script import Script
from tests.support.case import TestCase


NOW = 1_700_000_000.0
BINARY = ListenSettings("127.0.0.1:2195", "127.0.0.1", 2195)
HTTP2 = ListenSettings("127.0.0.1:2197", "127.0.0.1", 2197, protocol="apn2")


class EmbeddedTests(TestCase):
    def setUp(self) -> None:
        self.reactor: Any = MemoryReactorClock()
        self.spool = Path(self.mktemp()).absolute()
        self.development = self.spool / "development"

    def start(self, *listens: ListenSettings, **more: Any) -> EmbeddedSimulator:
        process = ProcessSettings(
            "host", str(self.spool), simulator=SimulatorSettings(listens, **more)
        )
        simulator = EmbeddedSimulator.of(process, self.reactor, lambda: NOW)
        self.successResultOf(simulator.start())
        return simulator

    def factories(self) -> list[Any]:
        """What listens, in the order of the sockets, without TLS."""
        return [server[1].wrappedFactory for server in self.reactor.tcpServers]

    def test_binary_alone(self) -> None:
        """As ever: no provider key is made for it."""
        self.start(BINARY)
        (factory,) = self.factories()
        self.assertIsInstance(factory, ApnsSimulatorFactory)
        self.assertEqual(list(self.development.glob("*.p8")), [])

    def test_both_halves(self) -> None:
        """Each socket speaks its own; the journal and the script are one."""
        simulator = self.start(BINARY, HTTP2)
        binary, http2 = self.factories()
        self.assertIsInstance(binary, ApnsSimulatorFactory)
        self.assertIsInstance(http2, ApnsHttp2Factory)
        self.assertIs(binary.journal, http2.state.journal)
        self.assertEqual(http2.state.script, Script())
        made = {path.name for path in self.development.iterdir()}
        self.assertIn("AuthKey_DEVKEY0001.p8", made)
        self.successResultOf(simulator.stop())

    def test_the_development_key_is_believed(self) -> None:
        """And it stays what it is."""
        self.start(HTTP2)
        (factory,) = self.factories()
        keys = factory.state.keyring._keys
        self.assertEqual(keys["DEVKEY0001"].team_id, "DEVTEAM001")
        key = self.development / "AuthKey_DEVKEY0001.p8"
        before = key.read_bytes()
        self.start(HTTP2)
        self.assertEqual(key.read_bytes(), before)

    def test_own_certificate(self) -> None:
        """The binary half needs no development folder then; HTTP/2 keeps its key."""
        self.start(HTTP2)
        server = str(self.development / "server.pem")
        key = str(self.development / "server.key")
        self.spool = Path(self.mktemp()).absolute()
        self.start(BINARY, certificate=server, key=key)
        self.assertFalse(self.spool.exists())
        self.start(HTTP2, certificate=server, key=key)
        self.assertTrue((self.spool / "development" / "client.pem").exists())

    def test_none(self) -> None:
        """A configuration without the stanza has none."""
        process = ProcessSettings("host", str(self.spool))
        simulator = EmbeddedSimulator.of(process, self.reactor, lambda: NOW)
        self.successResultOf(simulator.start())
        self.successResultOf(simulator.stop())
        self.assertEqual(self.reactor.tcpServers, [])
