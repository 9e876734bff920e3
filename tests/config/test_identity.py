"""Who shows which certificate."""

from __future__ import annotations

from mcmtpush.config.lint import load_configuration
from tests.config.examination import PUSH, check
from tests.config.keys import day, key
from tests.config.samples import MAIN, memory
from tests.support.case import TestCase


class CredentialTests(TestCase):
    """Certificates and keys, with their places."""

    def test_missing_files(self) -> None:
        """Each missing file is an error at its setting."""
        _, findings = load_configuration(MAIN, memory(PUSH), day(10))
        self.assertEqual(
            [(f.option, f.line, f.column, f.severity) for f in findings],
            [("tls_certificate", 5, 3, "error"), ("tls_key", 5, 31, "error")],
        )

    def test_foreign_key(self) -> None:
        """A key of another certificate is an error at the key."""
        (line,) = check(PUSH, **{"/etc/mcmtpush/app.key": key("two")})
        self.assertIn("5:31: error: key /etc/mcmtpush/app.key does not belong", line)

    def test_inherited_key(self) -> None:
        """A pair may come from two scopes."""
        split = PUSH.replace('tls_key = "app.key"', "") + 'tls_key = "app.key"'
        self.assertEqual(check(split), [])

    def test_expiry(self) -> None:
        """An expired certificate is an error, one that soon will be a warning."""
        (line,) = check(PUSH, at=91)
        self.assertIn("5:3: error: ", line)
        (line,) = check(PUSH, at=80)
        self.assertIn("5:3: warning: ", line)

    def test_listener_certificates(self) -> None:
        """The pair of a listen is looked at as well."""
        text = 'esmtp_listener { listen :25 {\n tls_certificate = "app.pem"%s } }'
        self.assertEqual(check(text % ' tls_key = "app.key"'), [])
        (line,) = check(text % "")
        self.assertIn("holds no private key", line)
        (line,) = check(
            text % ' tls_key = "app.key"', **{"/etc/mcmtpush/app.key": key("two")}
        )
        self.assertIn("does not belong", line)
