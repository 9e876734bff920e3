"""The command line of `twistd apns-simulator`, up to the listening sockets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.application.service import IServiceMaker
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import ServerFactory
from twisted.internet.testing import MemoryReactor
from twisted.logger import capturedLogs, formatEvent
from twisted.plugin import getPlugins

from mcmtpush.simulator import tap
from mcmtpush.simulator.binary import ApnsFeedbackFactory, ApnsSimulatorFactory
from mcmtpush.simulator.certificates import (
    make_development_certificates,
    server_context,
)
from mcmtpush.simulator.http2 import ApnsHttp2Factory
from mcmtpush.simulator.script import Action, Rule, Script
from mcmtpush.simulator.tap import (
    Address,
    KeyFile,
    Listener,
    Options,
    read_address,
    read_key_file,
)
from tests.support.case import TestCase


NOW = 1_700_000_000.0


def complaint(call: Any, *args: Any) -> str:
    """The text of the SystemExit that this ends in."""
    try:
        call(*args)
    except SystemExit as error:
        return str(error.code)
    raise AssertionError("it did not exit")


def parse(*arguments: str) -> Options:
    """The options of this command line."""
    options = Options()
    options.parseOptions(list(arguments))
    return options


class AddressTests(TestCase):
    def test_forms(self) -> None:
        """All forms of an address are read, and written back."""
        for text, host, port in (
            ("127.0.0.1:2195", "127.0.0.1", 2195),
            (":2195", "", 2195),
            ("[::1]:2195", "::1", 2195),
            ("[::]:0", "::", 0),
            ("localhost:1", "localhost", 1),
        ):
            self.assertEqual(read_address(text), Address(host, port))
            self.assertEqual(str(read_address(text)), text)

    def test_what_is_none(self) -> None:
        """Whatever else there is, is refused."""
        for text in ("", "2195", "host:", "host:x", "host:65536", ":-1", "[::1]", ":٣"):
            with self.assertRaises(ValueError):
                read_address(text)
        with self.assertRaises(ValueError) as caught:
            read_address("::1:2195")
        self.assertIn("wants brackets", str(caught.exception))


class KeyFileTests(TestCase):
    def test_forms(self) -> None:
        """A file, the ids of key and team, and maybe an environment."""
        for text, expected in (
            ("k.p8:A:B", KeyFile("k.p8", "A", "B")),
            ("/a:b/k.p8:A:B", KeyFile("/a:b/k.p8", "A", "B")),
            ("k.p8:A:B:production", KeyFile("k.p8", "A", "B", "production")),
        ):
            self.assertEqual(read_key_file(text), expected)

    def test_what_is_none(self) -> None:
        """Whatever else there is, is refused."""
        for text in ("", "k.p8", "k.p8:A", ":A:B", "k.p8::B", "A:B:development"):
            with self.assertRaises(ValueError):
                read_key_file(text)


class OptionsTests(TestCase):
    def test_defaults(self) -> None:
        """Without arguments it listens where Apple's clients look on this machine."""
        options = parse()
        self.assertEqual(options["listen"], Address("127.0.0.1", 2195))
        self.assertEqual(options["old-tls"], 0)
        others = {*options} - {"listen", "old-tls"}
        self.assertEqual({options[name] for name in others}, {None})

    def test_http2_alone(self) -> None:
        """Who asks for HTTP/2 gets the binary half only by asking for it, too."""
        self.assertIsNone(parse("--http2", ":1")["listen"])
        both = parse("--http2", ":1", "--listen", ":2")
        self.assertEqual(
            (both["http2"], both["listen"]), (Address("", 1), Address("", 2))
        )

    def test_values(self) -> None:
        """Addresses and numbers arrive as such."""
        options = parse("--listen", ":1", "--feedback", "[::1]:2", "--seed", "7")
        self.assertEqual(options["listen"], Address("", 1))
        self.assertEqual(options["feedback"], Address("::1", 2))
        self.assertEqual(options["seed"], 7)

    def test_faults_are_one_line(self) -> None:
        """Whatever is wrong with the arguments is one line."""
        for arguments, text in (
            (["--listen", "x"], "--listen: 'x' is no address, give HOST:PORT or :PORT"),
            (["--feedback", "1"], "--feedback: '1' is no address"),
            (["--seed", "x"], "--seed: 'x' is not a whole number"),
            (["--key", "k.pem"], "--key needs --certificate"),
            (["--http2", "x"], "--http2: 'x' is no address"),
            (["--key-file", "k"], "'k' is no key, give FILE:KEYID:TEAMID"),
            (["-c", "a", "-C", "b"], "not both"),
            (["--frob"], "option --frob not recognized"),
            (["extra"], "Wrong number of arguments"),
        ):
            said = complaint(parse, *arguments)
            self.assertTrue(said.startswith("apns-simulator: "), said)
            self.assertIn(text, said)
            self.assertNotIn("\n", said)

    def test_every_option_has_its_help(self) -> None:
        """Help is given for every option."""
        usage = Options().getUsage()
        for name, *_, text in Options.optParameters + Options.optFlags:
            self.assertIn(f"--{name}", usage)
            self.assertTrue(text.endswith("."))


class MakeServiceTests(TestCase):
    def make(self, *arguments: str) -> Any:
        """The service; what it opened is closed at the end of the test."""
        service = tap.makeService(parse(*arguments))
        for child in service:
            if isinstance(child, tap.Closing):
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
        (closing,) = [child for child in service if isinstance(child, tap.Closing)]
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
