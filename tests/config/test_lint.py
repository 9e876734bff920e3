"""The whole check of a configuration."""

from __future__ import annotations

from pathlib import Path

from mcmtpush.config.lint import lint, load_configuration
from mcmtpush.files import DiskFiles
from mcmtpush.judges import JUDGES
from mcmtpush.values import QueueKey
from tests.config.keys import certificate, day, key
from tests.config.samples import MAIN, SAMPLE, memory, tree
from tests.support.case import TestCase


CONF = Path(__file__).resolve().parents[2] / "conf"

PUSH = """
apn {}
domain "e.com" {
  delivery_method = "apn" routes = ( "apn://gateway?port=2195" )
  tls_certificate = "app.pem" tls_key = "app.key" idle_timeout = 30
}
"""


def check(text: str, *, at: float = 10, **files: bytes | str) -> list[str]:
    """The lines of a check on day 10, with a good certificate and key."""
    files = {
        "/etc/mcmtpush/app.pem": certificate(),
        "/etc/mcmtpush/app.key": key(),
        **files,
    }
    _, findings = load_configuration(
        MAIN, memory(text, **files), day(at), judges=JUDGES
    )
    return [str(finding).removeprefix(f"{MAIN}:") for finding in findings]


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


class ModuleTests(TestCase):
    """Stanzas that need one another."""

    def test_domain_without_apn(self) -> None:
        """An apn domain needs the apn stanza."""
        (line,) = check(PUSH.replace("apn {}", ""))
        self.assertTrue(line.startswith("4:3: error: "), line)
        self.assertIn('"apn {}"', line)

    def test_apn_that_is_off(self) -> None:
        """Its messages stay queued, which is a warning at the switch."""
        (line,) = check(PUSH.replace("apn {}", "apn { enabled = off }"))
        self.assertTrue(line.startswith("2:7: warning: "), line)
        self.assertIn("(enabled = false)", line)
        self.assertIn("stay queued", line)
        self.assertEqual(check("apn { enabled = false }"), [])
        again = "apn { enabled = false enabled = true }"
        self.assertEqual(check(PUSH.replace("apn {}", again)), [])

    def test_logger_without_apn(self) -> None:
        """A logger without it is a warning."""
        (line,) = check('apn_logger "main" {}')
        self.assertTrue(line.startswith("1:1: warning: "), line)
        self.assertEqual(check('apn_logger "main" {} apn {}'), [])

    def test_simulator_without_listen(self) -> None:
        """A simulator that listens nowhere is a warning."""
        (line,) = check("apns_simulator {}")
        self.assertTrue(line.startswith("1:1: warning: "), line)

    def test_feedback_without_a_file(self) -> None:
        """Routes to feedback services are of no use when nothing is to be kept."""
        route = 'apn_feedback_route = "apn://feedback?port=2196"'
        text = PUSH.replace("idle_timeout", f"{route} idle_timeout")
        [finding] = check(text)
        self.assertIn("warning: the feedback service is not polled", finding)
        self.assertTrue(finding.startswith("5:"), finding)
        self.assertEqual(check('token_events = "tokens.jsonl"' + text), [])
        self.assertEqual(len(check(f"{route}\n{text}")), 2)

    def test_other_methods(self) -> None:
        """Methods that are recognised and not delivered are warnings."""
        for method in ("lmtp", "gcm", "MM7"):
            (line,) = check(f'domain "e.com" {{ delivery_method = "{method}" }}')
            self.assertTrue(line.startswith("1:18: warning: "), line)
            self.assertIn(f'"{method.lower()}"', line)
        self.assertEqual(check('domain "e.com" {}'), [])


class ListenTests(TestCase):
    """Listeners."""

    def test_open_relay(self) -> None:
        """An open relay is a warning, a closed one none."""
        (line,) = check("esmtp_listener {\n open_relay = on }")
        self.assertTrue(line.startswith("2:2: warning: "), line)
        self.assertEqual(check("esmtp_listener { open_relay = off }"), [])

    def test_banner(self) -> None:
        """A banner that SMTP does not know is ignored, which is a warning."""
        (line,) = check('esmtp_listener { static_banner = "hello\\n there" }')
        self.assertTrue(line.startswith("1:18: warning: "), line)
        self.assertIn('"hello\\x0a there" is ignored', line)
        self.assertEqual(check('esmtp_listener { static_banner = "220 hi" }'), [])

    def test_extensions(self) -> None:
        """Entries that EHLO leaves out are named, each keyword once."""
        text = """esmtp_listener {
            smtp_extensions = ( PIPELINING "AUTH LOGIN" "AUTH=PLAIN" "XCLIENT" "a/b" )
        }"""
        self.assertEqual(
            [line.partition("smtp_extensions: ")[2] for line in check(text)],
            [
                "AUTH is not offered by this version",
                "XCLIENT is not offered by this version",
                '"a/b" is not a line of an answer to EHLO',
            ],
        )
        self.assertEqual(check("esmtp_listener { smtp_extensions = () }"), [])

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

    def test_context_word(self) -> None:
        """A word in the context that is no choice is an error."""
        (line,) = check('esmtp_listener { context = [ mcmt_reception = "yes" ] }')
        self.assertIn('error: mcmt_reception = "yes" is none of', line)


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

    def test_tree_by_hand(self) -> None:
        """The check takes any tree, and finds the same again."""
        root = tree(PUSH)
        files = memory(PUSH)
        first = [str(finding) for finding in lint(root, files, day(10))]
        again = [str(finding) for finding in lint(root, files, day(10))]
        self.assertEqual(first, again)
        self.assertEqual(len(first), 2)
