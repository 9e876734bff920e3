"""The program `twistd apns-simulator`, up to the listening sockets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.application.service import IServiceMaker
from twisted.logger import capturedLogs, formatEvent
from twisted.plugin import getPlugins

from mcmtpush.simulator import tap
from mcmtpush.simulator.argument import Address
from mcmtpush.simulator.binary import ApnsSimulatorFactory
from mcmtpush.simulator.certificates import make_development_certificates
from mcmtpush.simulator.feedback import ApnsFeedbackFactory
from mcmtpush.simulator.http2 import ApnsHttp2Factory
from mcmtpush.simulator.listener import Closing, Listener
from mcmtpush.simulator.options import Options
from mcmtpush.simulator.script import Action, Rule, Script
from tests.simulator.program import NOW, complaint, parse
from tests.support.case import TestCase


class MakeServiceTests(TestCase):
    def make(self, *arguments: str) -> Any:
        """The service; what it opened is closed at the end of the test."""
        service = tap.makeService(parse(*arguments))
        for child in service:
            if isinstance(child, Closing):
                self.addCleanup(child._close)
        return service

    def listeners(self, service: Any) -> dict[Address, Any]:
        """Factories by address."""
        return {
            child._address: child._factory
            for child in service
            if isinstance(child, Listener)
        }

    def test_parts(self) -> None:
        """Gateway and feedback service share the tokens; the seed is overridden."""
        script = Path(self.mktemp())
        script.write_bytes(b'{"seed": 1, "rules": [{"do": "close", "after": 9}]}')
        folder, journal = self.mktemp(), self.mktemp()
        service = self.make(
            *("--listen", "127.0.0.1:0", "--feedback", ":0", "--seed", "5"),
            *("--script", str(script), "--journal", journal, "--certificates", folder),
        )
        factories = self.listeners(service)
        gateway = factories[Address("127.0.0.1", 0)]
        feedback = factories[Address("", 0)]
        assert isinstance(gateway, ApnsSimulatorFactory)
        assert isinstance(feedback, ApnsFeedbackFactory)
        self.assertIs(feedback.gone, gateway.gone)
        rule = Rule(action=Action.CLOSE, after=9)
        self.assertEqual(gateway.script, Script(seed=5, rules=(rule,)))
        self.assertEqual(Path(journal).read_bytes(), b"")
        self.assertTrue((Path(folder) / "server.pem").exists())

    def test_temporary_certificates(self) -> None:
        """Without certificates there are some until it ends, and it is said where."""
        with capturedLogs() as events:
            service = self.make("--listen", ":0")
        said = " ".join(str(formatEvent(event)) for event in events)
        ca = said.split("authority ")[1].split(",")[0]
        self.assertTrue(Path(ca).is_absolute())
        self.assertTrue(Path(ca).exists())
        (closing,) = [child for child in service if isinstance(child, Closing)]
        closing.stopService()
        self.assertFalse(Path(ca).parent.exists())

    def test_given_certificates(self) -> None:
        """A certificate and its key can be given."""
        paths = make_development_certificates(self.mktemp(), lambda: NOW)
        service = self.make("-c", paths.server, "-k", paths.server_key)
        self.assertEqual(list(self.listeners(service)), [Address("127.0.0.1", 2195)])

    def test_http2(self) -> None:
        """The other half listens where it is told to, with a key of its own."""
        folder = self.mktemp()
        with capturedLogs() as events:
            service = self.make("--http2", ":1", "--certificates", folder)
        factory = self.listeners(service)[Address("", 1)]
        assert isinstance(factory, ApnsHttp2Factory)
        self.assertEqual(list(factory.state.keyring._keys), ["DEVKEY0001"])
        self.assertIsNotNone(factory._authority)
        said = " ".join(str(formatEvent(event)) for event in events)
        path = Path(folder).absolute() / "AuthKey_DEVKEY0001.p8"
        self.assertIn(f"{path}, id DEVKEY0001, team DEVTEAM001", said)
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)

    def test_given_keys(self) -> None:
        """Keys that are named replace the one for development."""
        folder = self.mktemp()
        self.make("--http2", ":1", "--certificates", folder)
        key = f"{folder}/AuthKey_DEVKEY0001.p8"
        other = self.mktemp()
        service = self.make(
            *("--http2", ":1", "--certificates", other),
            *("--key-file", f"{key}:A:B", "--key-file", f"{key}:C:D:production"),
        )
        factory = self.listeners(service)[Address("", 1)]
        keys = factory.state.keyring._keys.values()
        found = [(key.key_id, key.team_id, key.environment) for key in keys]
        self.assertEqual(found, [("A", "B", None), ("C", "D", "production")])
        self.assertFalse((Path(other) / "AuthKey_DEVKEY0001.p8").exists())

    def test_own_certificate_and_authority(self) -> None:
        """With a certificate of one's own the authority is named, or there is none."""
        paths = make_development_certificates(self.mktemp(), lambda: NOW)
        given = ("--http2", ":1", "-c", paths.server, "-k", paths.server_key)
        for more, authority in (((), False), (("--client-ca", paths.ca), True)):
            factory = self.listeners(self.make(*given, *more))[Address("", 1)]
            self.assertEqual(factory._authority is not None, authority)
            self.assertEqual(list(factory.state.keyring._keys), [])

    def test_faults(self) -> None:
        """Files that cannot be used are told in one line each."""
        script = Path(self.mktemp())
        script.write_bytes(b'{"sed": 1, "rules": 2}')
        lines = complaint(self.make, "--script", str(script)).splitlines()
        self.assertEqual(
            lines,
            [
                (
                    f"apns-simulator: {script}: error: sed: "
                    "unknown name, did you mean seed?"
                ),
                f"apns-simulator: {script}: error: rules: is to be a list of rules",
            ],
        )
        for arguments in (
            ("--script", "/nonexistent/file"),
            ("--journal", "/nonexistent/file"),
            ("--certificate", "/nonexistent/file"),
            ("--client-ca", "/nonexistent/file"),
            ("--key-file", "/nonexistent/file:A:B"),
        ):
            said = complaint(self.make, *arguments)
            self.assertTrue(said.startswith("apns-simulator: /nonexistent/file: "))
            self.assertIn("No such file", said)


class PluginTests(TestCase):
    def test_twistd_knows_it(self) -> None:
        """The plugin names this module as `apns-simulator`."""
        (found,) = [
            plugin
            for plugin in getPlugins(IServiceMaker)
            if plugin.tapname == "apns-simulator"
        ]
        self.assertEqual(found.module, "mcmtpush.simulator.tap")
        self.assertIs(found.options, Options)
