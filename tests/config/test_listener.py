"""What is listened on."""

from __future__ import annotations

from tests.config.examination import PUSH, check
from tests.config.samples import MAIN
from tests.support.case import TestCase


class ListenTests(TestCase):
    """Listeners."""

    def test_same_socket_twice(self) -> None:
        """Two listens on one socket, however they are written."""
        text = 'esmtp_listener { listen ":25" {} }\napns_simulator { listen "%s" {} }'
        (line,) = check(text % "*:25")
        self.assertTrue(line.startswith("2:18: error: "), line)
        self.assertIn(f"{MAIN}:1", line)
        self.assertEqual(check(text % "[*]:25"), [])

    def test_use_ssl_without_certificate(self) -> None:
        """TLS from the first byte needs a certificate."""
        (line,) = check("esmtp_listener { listen :25 {\n use_ssl = true } }")
        self.assertTrue(line.startswith("2:2: error: "), line)

    def test_pushes_that_would_pass_as_mail(self) -> None:
        """With an apn domain, a passthru listen is a warning."""
        text = PUSH + "esmtp_listener { listen :25 { %s } }"
        (line,) = check(text % "")
        self.assertTrue(line.startswith("7:18: warning: "), line)
        self.assertIn('"passthru"', line)
        for chosen in (
            "mcmt_reception = allow",
            "mcmt_reception = reject",
            'context = [ mcmt_reception = "allow" ]',
            "peer 192.0.2.0/24 { mcmt_reception = allow }",
        ):
            self.assertEqual(check(text % chosen), [], chosen)
        explicit = check(text % "\nmcmt_reception = passthru")
        self.assertEqual([line.split(" ")[0] for line in explicit], ["8:1:"])

    def test_passthru_without_pushes(self) -> None:
        """Without an apn domain there is nothing to warn of."""
        self.assertEqual(check("esmtp_listener { listen :25 {} }"), [])
        off = PUSH + "esmtp_listener { listen :25 { enable = off } }"
        self.assertEqual(check(off), [])
