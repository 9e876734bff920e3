"""The simulator's listening sockets."""

from __future__ import annotations

from typing import Any

from twisted.internet.error import CannotListenError
from twisted.internet.protocol import ServerFactory
from twisted.internet.testing import MemoryReactor
from twisted.logger import capturedLogs, formatEvent

from mcmtpush.simulator.argument import Address
from mcmtpush.simulator.certificates import (
    make_development_certificates,
    server_context,
)
from mcmtpush.simulator.listener import Listener
from tests.simulator.program import NOW, complaint
from tests.support.case import TestCase


class ListenerTests(TestCase):
    def setUp(self) -> None:
        paths = make_development_certificates(self.mktemp(), lambda: NOW)
        self.context = server_context(paths.server, paths.server_key)
        self.reactor = MemoryReactor()

    def listener(self) -> Listener:
        return Listener(
            self.reactor,
            "gateway",
            Address("127.0.0.1", 2195),
            ServerFactory(),
            self.context,
        )

    def test_listens_once(self) -> None:
        """It listens while privileged, says so, and not a second time."""
        listener = self.listener()
        with capturedLogs() as events:
            listener.privilegedStartService()
        listener.startService()
        (call,) = self.reactor.sslServers
        self.assertEqual((call[0], call[4]), (2195, "127.0.0.1"))
        said = [formatEvent(event) for event in events]
        self.assertEqual(len(said), 1)
        self.assertTrue(said[0].startswith("APNs gateway listening on 127.0.0.1:"))
        self.successResultOf(listener.stopService())

    def test_starts_alone(self) -> None:
        """Inside another service only startService is called."""
        listener = self.listener()
        listener.startService()
        self.assertEqual(len(self.reactor.sslServers), 1)
        self.successResultOf(listener.stopService())

    def test_address_in_use(self) -> None:
        """A socket that cannot be had is one line."""

        def refuse(*_: Any, **__: Any) -> None:
            raise CannotListenError("127.0.0.1", 2195, OSError(98, "in use"))

        self.reactor.listenSSL = refuse
        said = complaint(self.listener().startService)
        self.assertEqual(
            said,
            "apns-simulator: cannot listen on 127.0.0.1:2195: in use",
        )
