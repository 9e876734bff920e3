"""Other languages than the configuration's."""

from __future__ import annotations

from mcmtpush.config.lint import load_configuration
from mcmtpush.judges import JUDGES
from tests.config.examination import PUSH, check
from tests.config.keys import certificate, day, key
from tests.config.samples import MAIN, memory
from tests.support.case import TestCase


class JudgedTests(TestCase):
    """What others judge."""

    def test_ciphers(self) -> None:
        """A list without any cipher is an error, on domains and on listens."""
        for text in (
            PUSH + 'tls_ciphers = "NOSUCH"',
            PUSH + 'esmtp_listener { tls_ciphers = "NOSUCH" }',
            PUSH
            + 'esmtp_listener { listen ":25" { enable = no tls_ciphers = "NOSUCH" } }',
            'domain "e.com" { tls_ciphers = "NOSUCH" }',
        ):
            (line,) = check(text)
            self.assertIn('error: tls_ciphers: "NOSUCH" names no cipher', line)
        self.assertEqual(check('tls_ciphers = "NOSUCH" tls_ciphers = DEFAULT'), [])

    def test_protocols(self) -> None:
        """An unknown version is an error, on domains and on listens."""
        for text in ("%s", "domain d { %s }", "esmtp_listener { listen :25 { %s } }"):
            (line,) = check(text % 'tls_protocols = "+FOO"')
            self.assertIn('error: option tls_protocols: "+FOO": no such version', line)

    def test_scripts(self) -> None:
        """A script that is missing or faulty is an error of its simulator."""
        text = 'apns_simulator { listen ":1" {}\n script = "s.json" %s }'
        script = "/etc/mcmtpush/s.json"
        self.assertEqual(check(text % "", **{script: "{}"}), [])
        (line,) = check(text % "")
        self.assertEqual(
            line,
            f"2:2: error: script {script} cannot be read: No such file or directory",
        )
        lines = check(text % "", **{script: '{"seeed": 1, "linger": -1}'})
        self.assertEqual(len(lines), 2)
        for line in lines:
            self.assertTrue(line.startswith(f"2:2: error: script {script}: "), line)
        self.assertEqual(check(text % "enabled = false"), [])

    def test_record_formats_are_judged(self) -> None:
        """A format with an unknown macro is an error at its option."""
        text = PUSH + 'apn_logger "x" {\n  log_permfail_format = "%t@%zz"\n}\n'
        files = {"/etc/mcmtpush/app.pem": certificate(), "/etc/mcmtpush/app.key": key()}
        loaded, findings = load_configuration(
            MAIN, memory(text, **files), day(10), judges=JUDGES
        )
        self.assertIsNone(loaded)
        (finding,) = findings
        self.assertEqual(finding.option, "log_permfail_format")
        self.assertIn("column 4: unknown macro %z", finding.message)
