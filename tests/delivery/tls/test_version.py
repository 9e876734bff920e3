"""The lists of `tls_protocols`."""

from __future__ import annotations

from mcmtpush.delivery.tls.version import read_protocols
from mcmtpush.errors import ConfigError
from tests.support.case import TestCase


class ProtocolsTests(TestCase):
    def test_lists(self) -> None:
        """Lists that mean something, and what of them cannot be had."""
        both = frozenset({"TLSv1.2", "TLSv1.3"})
        for text, names, retired in [
            ("+ALL", both, ()),
            ("", both, ()),
            ("ALL", both, ()),
            ("+all:-tlsv1.2", {"TLSv1.3"}, ()),
            ("-TLSv1.3", {"TLSv1.2"}, ()),
            ("-SSLv2:-SSLv3", both, ()),
            ("+TLSv1.2", {"TLSv1.2"}, ()),
            ("+TLSv1.0:+TLSv1.1:+TLSv1.2", {"TLSv1.2"}, ("TLSv1.0", "TLSv1.1")),
            ("+ALL : -SSLv3 : +SSLv2", both, ("SSLv2",)),
        ]:
            self.assertEqual(read_protocols(text), (frozenset(names), retired), text)

    def test_nothing_left(self) -> None:
        """Lists that leave nothing, and names nobody knows, are errors."""
        for text in ("-ALL", "+SSLv3", "+ALL:-TLSv1.2:-TLSv1.3", "+TLSv9"):
            error = self.assertRaises(ConfigError, read_protocols, text)
            self.assertEqual(error.option, "tls_protocols")
