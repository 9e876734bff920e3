"""The whole check of a configuration."""

from __future__ import annotations

from pathlib import Path

from mcmtpush.config.lint import lint, load_configuration
from mcmtpush.files import DiskFiles
from mcmtpush.values import QueueKey
from tests.config.examination import PUSH, check
from tests.config.keys import certificate, day, key
from tests.config.samples import MAIN, SAMPLE, memory, tree
from tests.support.case import TestCase


CONF = Path(__file__).resolve().parents[2] / "conf"


class LoadTests(TestCase):
    """Reading and checking in one."""

    def test_clean(self) -> None:
        """A configuration that is fine is returned, without findings."""
        files = {"/etc/mcmtpush/app.pem": certificate(), "/etc/mcmtpush/app.key": key()}
        loaded, findings = load_configuration(
            MAIN, memory(PUSH, **files), day(10), "host.example.net"
        )
        self.assertEqual(findings, [])
        assert loaded is not None
        self.assertEqual(loaded.process().hostname, "host.example.net")
        queue = QueueKey("default", "default", "e.com")
        self.assertEqual(loaded.queue(queue).delivery_method, "apn")

    def test_warnings_do_not_keep_it_back(self) -> None:
        """With warnings only there is a configuration."""
        text = PUSH + "esmtp_listener { open_relay = true }"
        files = {"/etc/mcmtpush/app.pem": certificate(), "/etc/mcmtpush/app.key": key()}
        loaded, findings = load_configuration(MAIN, memory(text, **files), day(10))
        self.assertIsNotNone(loaded)
        self.assertEqual([finding.severity for finding in findings], ["warning"])

    def test_all_faults_at_once(self) -> None:
        """Grammar, names and sense are reported together, from top to bottom."""
        text = PUSH.replace("= 30", "= 0") + 'nonsense = 1\ninclude "missing"\nx = (\n'
        loaded, findings = load_configuration(MAIN, memory(text), day(10))
        self.assertIsNone(loaded)
        self.assertEqual(findings, sorted(findings, key=lambda f: (f.line, f.column)))
        text = "\n".join(map(str, findings))
        for word in ("idle_timeout = 0", "app.pem", "app.key", "nonsense", "missing"):
            self.assertIn(word, text)

    def test_search_path(self) -> None:
        """It is handed on to the reading."""
        files = memory("include x", **{"/else/x": "open_relay = true"})
        loaded, _ = load_configuration(MAIN, files, day(10))
        self.assertIsNone(loaded)
        loaded, findings = load_configuration(
            MAIN, files, day(10), search_path=("/else",)
        )
        self.assertEqual([finding.file for finding in findings], ["/else/x"])

    def test_missing_file(self) -> None:
        """A main file that is not there is a finding like others."""
        loaded, findings = load_configuration("/nowhere.conf", memory(""), day(10))
        self.assertIsNone(loaded)
        self.assertEqual([finding.file for finding in findings], ["/nowhere.conf"])

    def test_sample(self) -> None:
        """The sample with a bit of everything lacks a key, and says so once."""
        lines = check(SAMPLE, **{"/etc/mcmtpush/conf.d/a": ""})
        errors = [line for line in lines if " error: " in line]
        self.assertEqual(len(errors), 1)
        self.assertIn("holds no private key and tls_key is not set", errors[0])

    def test_tree_by_hand(self) -> None:
        """The check takes any tree, and finds the same again."""
        root = tree(PUSH)
        files = memory(PUSH)
        first = [str(finding) for finding in lint(root, files, day(10))]
        again = [str(finding) for finding in lint(root, files, day(10))]
        self.assertEqual(first, again)
        self.assertEqual(len(first), 2)


class ShippedTests(TestCase):
    """The configurations in conf/."""

    def test_sample_configuration_is_clean(self) -> None:
        """It needs no certificate before the first start, and has no warnings."""
        loaded, findings = load_configuration(
            str(CONF / "ecelerity.conf"), DiskFiles(), day(10)
        )
        self.assertEqual([str(finding) for finding in findings], [])
        self.assertIsNotNone(loaded)

    def test_production_lacks_certificates_only(self) -> None:
        """Its certificates and keys are the reader's to supply."""
        _, findings = load_configuration(
            str(CONF / "production.conf"), DiskFiles(), day(10)
        )
        files = {"apn_key_file", "tls_certificate", "tls_key", "tls_ca"}
        others = [str(found) for found in findings if found.option not in files]
        self.assertEqual(others, [])


class FollowUpTests(TestCase):
    """A fault is said once, not again as something missing."""

    def test_given_but_faulty(self) -> None:
        """What was given is not called missing."""
        routes = 'routes = ( "apn://gateway?port=2195" )'
        for good, bad in (
            (routes, 'routes = ( "apn://gateway?port=0" )'),
            (routes, "routes =\n"),
            (routes, 'routes = "apn://gateway"'),
            ('tls_certificate = "app.pem"', "tls_certificate = ()"),
            ('tls_key = "app.key"', 'tls_key = ""'),
            ("idle_timeout = 30", "idle_timeout = 5m"),
        ):
            self.assertIn(good, PUSH)
            lines = check(PUSH.replace(good, bad))
            self.assertEqual(len(lines), 1, (bad, lines))
        text = "esmtp_listener { listen :25 { use_ssl = on\n tls_certificate = () } }"
        self.assertEqual(len(check(text)), 1)

    def test_not_given(self) -> None:
        """What is missing beside another fault is still said."""
        routes = 'routes = ( "apn://gateway?port=2195" )'
        lines = check("nope = 1" + PUSH.replace(routes, ""))
        self.assertEqual(len(lines), 2)
        self.assertIn("has no routes", lines[1])
