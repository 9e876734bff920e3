"""Proxies as they are written, and that their passwords stay where they are."""

from __future__ import annotations

from base64 import b64decode

from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.config.proxy import Proxy, parse_proxy
from tests.support.case import TestCase, readable


SECRET = "p4ss-w0rd"


class ParseTests(TestCase):
    """Text to value."""

    def test_spellings(self) -> None:
        """With and without a user, an IPv6 address, percent signs, a final slash."""
        for text, expected in (
            ("http://proxy:3128", Proxy("proxy", 3128)),
            ("HTTP://Proxy.Example:80/", Proxy("proxy.example", 80)),
            ("http://u:p@192.0.2.1:1", Proxy("192.0.2.1", 1, b"u", b"p")),
            ("http://u@h:1", Proxy("h", 1, b"u")),
            ("http://u%40x:a%3Ab%2f@[::1]:2", Proxy("::1", 2, b"u@x", b"a:b/")),
            ("http://u:a@b:c@h:1", Proxy("h", 1, b"u", b"a@b:c")),
        ):
            self.assertEqual(parse_proxy(text), expected, text)

    def test_faults(self) -> None:
        """Each says what to write, none repeats what was written."""
        for text, part in (
            (f"https://u:{SECRET}@h:1", "a proxy is written http://host:port"),
            (f"u:{SECRET}@h:1", "a proxy is written"),
            (f"http://u:{SECRET}@h", "has no host and port"),
            (f"http://u:{SECRET}@:1", "has no host and port"),
            (f"http://u:{SECRET}@h:1/path", "has no host and port"),
            (f"http://u:{SECRET}@h:1?{SECRET}", "has no host and port"),
            (f"http://u:{SECRET}@apn2://h", "has no host and port"),
            (f"http://:{SECRET}@h:1", "has no user"),
            (f"http://u%3A:{SECRET}@h:1", "holds a colon"),
            ("", "a proxy is written"),
        ):
            with self.assertRaises(ValueError) as caught:
                parse_proxy(text)
            self.assertIn(part, str(caught.exception), text)
            self.assertNotIn(SECRET, str(caught.exception))

    @readable
    @given(st.text(max_size=40))
    def test_garbage(self, noise: str) -> None:
        """Whatever is written is a proxy or a ValueError."""
        for text in (noise, "http://" + noise, f"http://u:{noise}@h:1"):
            try:
                proxy = parse_proxy(text)
            except ValueError:
                continue
            self.assertEqual(parse_proxy(proxy.spelling), proxy)

    @readable
    @given(
        st.binary(min_size=1, max_size=9).filter(lambda user: b":" not in user),
        st.binary(max_size=9),
    )
    def test_any_user(self, user: bytes, password: bytes) -> None:
        """Any bytes can be said, and arrive at the proxy as they are."""
        proxy = Proxy("h", 1, user, password)
        self.assertEqual(parse_proxy(proxy.spelling), proxy)
        kind, _, pair = (proxy.authorization or "").partition(" ")
        self.assertEqual(kind, "Basic")
        self.assertEqual(b64decode(pair), user + b":" + password)


class SecrecyTests(TestCase):
    """What is shown."""

    def test_no_password_in_texts(self) -> None:
        """Neither str nor repr has it; the user may be seen."""
        proxy = parse_proxy(f"http://user:{SECRET}@[2001:db8::1]:3128")
        self.assertEqual(str(proxy), "http://user:…@[2001:db8::1]:3128")
        self.assertNotIn(SECRET, repr(proxy))
        self.assertIn(SECRET, proxy.spelling)

    def test_without_a_user(self) -> None:
        """There is nothing to say to the proxy and nothing to hide."""
        proxy = parse_proxy("http://h:1")
        self.assertIsNone(proxy.authorization)
        self.assertEqual(str(proxy), "http://h:1")
