"""`mcmtpush keys test` and `mcmtpush channels` against the simulator in its process."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import threading
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

from click.testing import CliRunner, Result

from mcmtpush import cli
from mcmtpush.simulator.certificates import KEY_ID, TEAM_ID
from tests.integration.gateway import TWISTD, environment, free_port, wait_until
from tests.support.case import TestCase


KEY = (
    f'apn_key_file = "dev/AuthKey_{KEY_ID}.p8" apn_key_id = {KEY_ID} '
    f"apn_team_id = {TEAM_ID} apn_topic = com.example.app"
)
SCRIPT = {
    "rules": [
        {"do": "refuse", "reason": "BadDeviceToken", "every": 1, "topic": "real.app"},
        {"do": "ignore", "every": 1, "topic": "silent.app"},
        {"do": "reset_stream", "every": 1, "topic": "reset.app"},
        {"do": "close", "every": 1, "topic": "closed.app"},
        {
            "do": "shutdown",
            "every": 1,
            "topic": "away.app",
            "reason": "BadCertificateEnvironment",
            "last_stream": "below",
        },
    ]
}


class LaneCase(TestCase):
    """One simulator for each test, with a script that depends on the topic."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir(parents=True)
        self.port, self.binary = free_port(), free_port()
        (self.folder / "script.json").write_text(json.dumps(SCRIPT))
        words = [
            *TWISTD,
            *("--nodaemon", "--pidfile=", "apns-simulator"),
            *("--listen", f"127.0.0.1:{self.binary}"),
            *("--http2", f"127.0.0.1:{self.port}"),
            *("--certificates", "dev", "--script", "script.json"),
        ]
        with (self.folder / "output").open("wb") as output:
            child = subprocess.Popen(
                words,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                env=environment(),
            )
        self.addCleanup(child.wait)
        self.addCleanup(child.kill)
        wait_until("the simulator", lambda: _answers(self.port) or child.poll())
        self.assertIsNone(child.poll(), (self.folder / "output").read_text())

    def configure(self, more: str, port: int | None = None) -> str:
        """A file with the domain e.com, one route, and more options."""
        path = self.folder / "gw.conf"
        path.write_text(
            f'domain "e.com" {{\n delivery_method = "apn"\n'
            f' routes = ( "apn2://127.0.0.1:{port or self.port}" )\n'
            f' tls_verify = host tls_ca = "dev/ca.pem"\n {more}\n}}\napn {{}}\n'
        )
        return str(path)

    def run_verb(self, *words: str) -> Result:
        """What the command says; a traceback is a failed test."""
        result = CliRunner().invoke(cli.main, words)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    def rehearse(self, more: str = KEY, port: int | None = None) -> Result:
        """`keys test` of a configuration."""
        return self.run_verb("keys", "test", self.configure(more, port), "e.com")


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True


class KeyTests(LaneCase):
    """The credential, row by row."""

    def test_key(self) -> None:
        """Refused for the device token alone: the key works, also in JSON."""
        real = KEY.replace("com.example.app", "real.app")
        result = self.rehearse(real)
        self.assertEqual(result.exit_code, 0, result.output)
        self.assertIn(f"credential: key {KEY_ID} of team {TEAM_ID}, ", result.stdout)
        self.assertIn("topic: real.app\n", result.stdout)
        self.assertIn(f"connected: 127.0.0.1:{self.port}, TLSv1.3", result.stdout)
        self.assertIn("answered: 400 BadDeviceToken, after 0.", result.stdout)
        self.assertIn("  the credential works: ", result.stdout)
        path = self.configure(real)
        (found,) = json.loads(
            self.run_verb("keys", "test", path, "e.com", "--json").stdout
        )
        self.assertEqual(
            list(found),
            [
                *("route", "works", "status", "reason", "message"),
                *("peer", "tls", "seconds", "clock_ahead_seconds"),
            ],
        )
        self.assertIs(found["works"], True)
        self.assertLess(abs(found["clock_ahead_seconds"]), 5)

    def test_certificate(self) -> None:
        """It is shown, and its topic is known from it."""
        certificate = 'tls_certificate = "dev/client.pem" tls_key = "dev/client.key"'
        result = self.rehearse(certificate)
        self.assertEqual(result.exit_code, 0, result.output)
        self.assertIn("topic: com.example.app\n", result.stdout)
        self.assertIn("the push was even accepted", result.stdout)

    def test_key_beside_a_certificate(self) -> None:
        """The certificate is not shown: it would keep the key from being looked at."""
        both = KEY.replace(f"= {KEY_ID}", "= WRONGKEY01")
        both += ' tls_certificate = "dev/client.pem" tls_key = "dev/client.key"'
        result = self.rehearse(both)
        self.assertEqual(result.exit_code, 1)
        self.assertIn("403 InvalidProviderToken", result.stdout)

    def test_wrong_ids(self) -> None:
        """Ids that do not belong to the key are refused, and it is said why."""
        for right in (KEY_ID, TEAM_ID):
            result = self.rehearse(KEY.replace(f"= {right}", "= WRONG12345"))
            self.assertEqual(result.exit_code, 1)
            self.assertIn("403 InvalidProviderToken", result.stdout)
            self.assertIn("do not belong together", result.stdout)

    def test_ends_without_an_answer(self) -> None:
        """A GOAWAY, a reset, a close and silence are told apart."""
        for topic, text in (
            ("away.app", "the credential is for the other environment"),
            ("reset.app", "answered: REFUSED_STREAM"),
            ("closed.app", "closed the connection without an answer"),
            ("silent.app", "no answer in time"),
        ):
            key = KEY.replace("com.example.app", topic)
            result = self.rehearse(f"{key} delivery_response_timeout = 500")
            self.assertEqual(result.exit_code, 1, topic)
            self.assertIn(text, result.stdout)

    def test_not_reached(self) -> None:
        """Nobody there, nobody to be trusted, nobody who speaks HTTP/2."""
        result = self.rehearse(port=free_port())
        self.assertEqual(result.exit_code, 1)
        self.assertIn("cannot be reached: Connection refused", result.stdout)
        result = self.rehearse(port=self.binary)
        self.assertEqual(result.exit_code, 1)
        self.assertIn("HTTP/2 is not offered there", result.stdout)
        other = self.folder / "other.pem"
        other.write_bytes((self.folder / "dev" / "client.pem").read_bytes())
        path = self.configure(KEY)
        text = Path(path).read_text().replace("dev/ca.pem", "other.pem")
        Path(path).write_text(text)
        result = self.run_verb("keys", "test", path, "e.com")
        self.assertEqual(result.exit_code, 1)
        self.assertIn("the certificate is refused", result.stdout)

    def test_unusable(self) -> None:
        """What cannot even be asked ends with 2 and says why."""
        for more, text in (
            ("", "neither a key nor a tls_certificate"),
            (KEY.replace("dev/", "gone/"), "cannot be read: No such file"),
            (KEY.replace(f"dev/AuthKey_{KEY_ID}.p8", "dev/ca.pem"), "no private key"),
            (KEY.replace("com.example.app", '""'), "MissingTopic: set apn_topic"),
            ("nonsense = 1", "has errors: run mcmtpush check"),
        ):
            result = self.rehearse(more)
            self.assertEqual((result.exit_code, result.stdout), (2, ""), more)
            self.assertIn(text, result.stderr)
        path = self.configure(KEY)
        result = self.run_verb("keys", "test", path, "other.com")
        self.assertEqual(result.exit_code, 2)
        self.assertIn("other.com has no apn2 route", result.stderr)


class ProxyTests(LaneCase):
    """Through a proxy."""

    def proxied(self, proxy: int, user: str = "") -> Result:
        """`keys test` through a proxy on this port."""
        option = f'apn_proxy = "http://{user}127.0.0.1:{proxy}"'
        return self.rehearse(f"{KEY} {option}")

    def test_through(self) -> None:
        """The proxy is told who asks, and leads to the route."""
        with _proxy("user:s3cret") as proxy:
            result = self.proxied(proxy, "user:s3cret@")
            self.assertEqual(result.exit_code, 0, result.output)
            through = f"127.0.0.1:{self.port} through 127.0.0.1:{proxy}, TLS"
            self.assertIn(through, result.stdout)

    def test_refused(self) -> None:
        """What the proxy says is told; the password is not."""
        with _proxy("user:s3cret") as proxy:
            result = self.proxied(proxy, "user:wr0ng@")
            self.assertEqual(result.exit_code, 1)
            self.assertIn("the proxy refuses the connection: 407 Who", result.stdout)
            self.assertIn("check user and password in apn_proxy", result.stdout)
            self.assertNotIn("wr0ng", result.output)

    def test_no_proxy(self) -> None:
        """Nobody there, or somebody who is none."""
        result = self.proxied(free_port())
        self.assertIn("the proxy 127.0.0.1:", result.stdout)
        self.assertIn("cannot be reached: Connection refused", result.stdout)
        result = self.proxied(self.port)
        self.assertEqual(result.exit_code, 1)
        self.assertIn("the proxy ", result.stdout)


@contextlib.contextmanager
def _proxy(expected: str) -> Iterator[int]:
    """A proxy for one connection, with one user."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_serve, args=(server, expected), daemon=True)
        thread.start()
        yield int(server.getsockname()[1])
    thread.join(10)


def _serve(server: socket.socket, expected: str) -> None:
    near, _ = server.accept()
    with near:
        near.settimeout(10)
        asked = b""
        while b"\r\n\r\n" not in asked:
            asked += near.recv(4096)
        proof = b64encode(expected.encode())
        if b"Proxy-Authorization: Basic " + proof + b"\r\n" not in asked:
            near.sendall(b"HTTP/1.1 407 Who are you\r\n\r\n")
            return
        host, _, port = asked.split()[1].decode().rpartition(":")
        with socket.create_connection((host, int(port)), timeout=10) as far:
            near.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            back = threading.Thread(target=_copy, args=(far, near), daemon=True)
            back.start()
            _copy(near, far)
            back.join(10)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


class ChannelTests(LaneCase):
    """The life of a channel."""

    def channels(self, verb: str, *words: str) -> Result:
        """One verb about the domain's app."""
        path = self.configure(KEY)
        return self.run_verb("channels", verb, path, "e.com", *words)

    def test_life(self) -> None:
        """Made, listed, shown, deleted, gone."""
        made = self.channels("create", "--store")
        self.assertEqual(made.exit_code, 0, made.output)
        number = made.stdout.strip()
        other = json.loads(self.channels("create", "--json").stdout)
        self.assertEqual(list(other), ["id", "stores"])
        self.assertIs(other["stores"], False)
        listed = self.channels("list").stdout.splitlines()
        self.assertEqual(sorted(listed), sorted([number, other["id"]]))
        as_json = json.loads(self.channels("list", "--json").stdout)
        self.assertEqual(sorted(as_json), sorted(listed))
        shown = self.channels("show", number)
        self.assertEqual(shown.stdout, f"{number}: stores the last message\n")
        found = json.loads(self.channels("show", other["id"], "--json").stdout)
        self.assertEqual(found, other)
        deleted = self.channels("delete", number, "--yes")
        self.assertEqual((deleted.exit_code, deleted.output), (0, ""))
        self.assertEqual(self.channels("list").stdout.splitlines(), [other["id"]])

    def test_refused(self) -> None:
        """The service's reason is told, with exit code 1."""
        result = self.channels("show", "dHN0")
        self.assertEqual((result.exit_code, result.stdout), (1, ""))
        self.assertIn(
            f"127.0.0.1:{self.port} refuses: 400 ChannelNotRegistered", result.stderr
        )

    def test_not_believed(self) -> None:
        """Who refuses the credential sends to the verb that looks into it."""
        path = self.configure(KEY.replace(TEAM_ID, "OTHERTEAM1"))
        result = self.run_verb("channels", "list", path, "e.com")
        self.assertEqual(result.exit_code, 1)
        self.assertIn("403 InvalidProviderToken; `mcmtpush keys test`", result.stderr)

    def test_asks_first(self) -> None:
        """Nothing is deleted unless somebody says yes."""
        number = self.channels("create").stdout.strip()
        self.assertEqual(self.channels("delete", number).exit_code, 1)
        self.assertEqual(self.channels("list").stdout.strip(), number)

    def test_unusable(self) -> None:
        """An id that cannot be one, and a domain without an app, end with 2."""
        result = self.channels("show", "a b")
        self.assertEqual(result.exit_code, 2)
        self.assertIn("printable ASCII", result.stderr)
        path = self.configure(KEY.replace("com.example.app", '""'))
        result = self.run_verb("channels", "list", path, "e.com")
        self.assertEqual(result.exit_code, 2)
        self.assertIn("set apn_topic", result.stderr)

    def test_own_host(self) -> None:
        """apn_manage_host says who is asked instead of the route."""
        port = free_port()
        more = f'{KEY} apn_manage_host = "127.0.0.1:{port}"'
        path = self.configure(more)
        result = self.run_verb("channels", "list", path, "e.com")
        self.assertEqual((result.exit_code, result.stdout), (1, ""))
        self.assertIn(f"127.0.0.1:{port} cannot be reached", result.stderr)
