"""What a configuration for the binary gateway must change."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.config.certificate import APPLES_ROOT
from mcmtpush.config.merge import read_configuration
from mcmtpush.config.migration import Migration, migrate
from mcmtpush.config.settings import Configuration
from mcmtpush.config.views import KeySettings
from tests.config.keys import certificate
from tests.config.samples import MAIN, MemoryFiles, memory
from tests.support.case import TestCase, readable


KEY = KeySettings("/k.p8", "ABCDE12345", "TEAM567890")
NEWS = """\
domain "news.push" {
  delivery_method = "apn"
  routes = ( "apn://gateway.push.apple.com?port=2195" )   # Apple's
  tls_certificate = "/news.pem"
  tls_key = "/news.key"
  tls_verify = "host"
  idle_timeout = 7200
}
"""
FILES = {
    "/news.pem": certificate("news", "com.example.news"),
    "/plain.pem": certificate(),
    "/roots.pem": certificate() + certificate(APPLES_ROOT),
}


def run(text: str, key: KeySettings | None = None, **others: str) -> Migration:
    """The migration of a text that has no errors."""
    files = memory(text, **FILES, **others)
    root, findings = read_configuration(MAIN, files)
    assert not [f for f in findings if f.severity == "error"], findings
    return migrate(root, files, MAIN, key)


def after(text: str, key: KeySettings | None = None) -> str:
    """The main file as it should be."""
    found = run(text, key)
    return found.files[0].after if found.files else text


def notes(text: str, key: KeySettings | None = None) -> list[str]:
    """Line and text of each note."""
    return [f"{n.place.line} {n.text}" for n in run(text, key).notes]


class RouteTests(TestCase):
    """Schemes, hosts and ports."""

    def routes(self, written: str) -> str:
        """The routes of a domain afterwards."""
        text = f"domain x {{ delivery_method = apn routes = ( {written} ) }}"
        made = after(text)
        return made.partition("( ")[2].partition(" )")[0]

    def test_apples_hosts(self) -> None:
        """Each environment has its successor; what else a route says is kept."""
        for written, expected in (
            (
                '"apn://gateway.push.apple.com?port=2195"',
                '"apn2://api.push.apple.com?port=443"',
            ),
            (
                "gateway.sandbox.push.apple.com:2195",
                '"apn2://api.sandbox.push.apple.com?port=443"',
            ),
            (
                "'APN://Gateway.Push.Apple.com:2195/?pref=3&PORT=1&ttl=5'",
                '"apn2://api.push.apple.com?port=443&pref=3&ttl=5"',
            ),
            (
                '"apn://gateway.push.apple.com" relay.example.org',
                '"apn2://api.push.apple.com?port=443" relay.example.org',
            ),
        ):
            self.assertEqual(self.routes(written), expected)

    def test_others_stay(self) -> None:
        """Gateways that are not Apple's are noted and left as they are."""
        text = NEWS.replace("gateway.push.apple.com", "gw.example.org")
        self.assertEqual(run(text).files, ())
        self.assertEqual(
            notes(text), ["3 gw.example.org is not Apple's: its route stays as it is"]
        )

    def test_nothing_twice(self) -> None:
        """What has been migrated needs nothing more."""
        for key in (None, KEY):
            self.assertEqual(run(after(NEWS, key), key).files, ())

    def test_included_files(self) -> None:
        """Each file that changes has its part; a file read twice has one."""
        found = run(
            'include "a.conf"\ninclude "sub"\ninclude "a.conf"\n',
            **{
                "/etc/mcmtpush/a.conf": NEWS,
                "/etc/mcmtpush/sub/b.conf": "idle_timeout=1",
            },
        )
        (file,) = found.files
        self.assertEqual(file.file, "/etc/mcmtpush/a.conf")
        self.assertEqual(file.after.count("apn2://"), 1)
        self.assertEqual(file.after.count("apn_topic"), 1)


class RestTests(TestCase):
    """Waits, authorities and the feedback service."""

    def test_wait(self) -> None:
        """A short window becomes the usual wait, with a note about its meaning."""
        text = "delivery_response_timeout = 4000\n" + NEWS
        self.assertIn("delivery_response_timeout = 30000\n", after(text))
        (note,) = notes(text)
        self.assertIn("1 delivery_response_timeout was how long silence", note)
        long = text.replace("4000", "20000")
        self.assertIn("= 20000", after(long))

    def test_shared_wait(self) -> None:
        """A window that a binary gateway still needs is left to people."""
        other = NEWS.replace("news.push", "b").replace("gateway.push.apple", "gw.b")
        text = "delivery_response_timeout = 4000\n" + NEWS + other
        self.assertIn("delivery_response_timeout = 4000\n", after(text))
        self.assertIn("give the others 30000 of their own", notes(text)[0])

    def test_authorities(self) -> None:
        """Apple's hosts can be verified, and are."""
        verified = NEWS.replace("idle", 'tls_ca = "/roots.pem" idle')
        self.assertEqual(notes(verified), [])
        (note,) = notes(verified.replace("/roots.pem", "/plain.pem"))
        self.assertIn(f"/plain.pem does not hold {APPLES_ROOT}", note)
        (note,) = notes(NEWS.replace('tls_verify = "host"', ""))
        self.assertIn('say tls_verify = "host"', note)

    def test_idle(self) -> None:
        """Connections that close soon are noted; a long time is nobody's business."""
        (note,) = notes(NEWS.replace("7200", "60"))
        self.assertIn("7 idle_timeout: Apple wants idle connections to be kept", note)

    def test_feedback(self) -> None:
        """Apple's service is gone, others are not."""
        route = '  apn_feedback_route = "apn://feedback.push.apple.com?port=2196"\n}'
        text = NEWS.replace("}", route)
        self.assertEqual(after(text), after(NEWS))
        (note,) = notes(text)
        self.assertIn("8 the feedback service is gone", note)
        other = text.replace("feedback.push.apple.com", "feedback.example.org")
        self.assertIn("apn_feedback_route", after(other))


_ROUTES = st.lists(
    st.sampled_from(
        [
            '"apn://gateway.push.apple.com?port=2195"',
            "gateway.sandbox.push.apple.com",
            "'apn://relay.example.org?pref=2'",
            '"apn2://api.push.apple.com"',
        ]
    ),
    min_size=1,
    max_size=3,
).map(" \n ".join)
_LINES = st.lists(
    st.sampled_from(
        [
            'tls_certificate = "/news.pem"',
            'tls_certificate = "/plain.pem" # x',
            "tls_key = /k",
            "delivery_response_timeout = 100",
            "apn_feedback_route = feedback.push.apple.com:2196",
            "tls_verify = ca",
            "idle_timeout = 9 retry_interval = 8",
        ]
    ),
    max_size=5,
    unique=True,
)


class PropertyTests(TestCase):
    """Whatever stands in it."""

    @readable
    @given(
        st.lists(st.tuples(_ROUTES, _LINES, st.booleans()), min_size=1, max_size=3),
        _LINES,
        st.sampled_from([None, KEY]),
    )
    def test_any_configuration(
        self,
        domains: list[tuple[str, list[str], bool]],
        outside: list[str],
        key: KeySettings | None,
    ) -> None:
        """The result reads, leads nowhere to Apple's past, and needs no more."""
        text = "".join(f"{line}\n" for line in outside if "feedback" not in line)
        for number, (routes, lines, one_line) in enumerate(domains):
            inner = [f"routes = ( {routes} )", *lines]
            if one_line:
                inner = [line.partition("#")[0] for line in inner]
            gap = " " if one_line else "\n  "
            body = gap.join(["", "delivery_method = apn", *inner, ""])
            text += f'domain "d{number}" {{{body}}}\n'
        made = after(text, key)
        root, findings = read_configuration(MAIN, MemoryFiles({MAIN: made.encode()}))
        self.assertEqual([str(f) for f in findings if f.severity == "error"], [])
        for old in ("gateway.push", "gateway.sandbox", "feedback."):
            self.assertNotIn(old, made)
        self.assertEqual(after(made, key), made)
        settings = Configuration(root)
        for number, (routes, _, _) in enumerate(domains):
            delivery = settings.delivery(settings.routing_key(f"d{number}"))
            self.assertEqual(len(delivery.routes), len(routes.split(" \n ")))
            old_one = "gateway." in routes
            if key is not None and old_one:
                self.assertEqual(delivery.key, key)
