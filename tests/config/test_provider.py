"""Whether Apple's HTTP/2 interface will take what is configured."""

from __future__ import annotations

from mcmtpush.config.lint import lint
from mcmtpush.config.outbound import cases
from mcmtpush.config.provider import SETTING_CHECKS, check_provider
from tests.config.keys import certificate, day, key
from tests.config.samples import MemoryFiles, tree
from tests.support.case import TestCase


KEY = "apn_key_file = /k apn_key_id = ABCDE12345 apn_team_id = TEAM567890"
GOOD = f"""
domain "e.com" {{
  delivery_method = "apn" routes = ( "apn2://api.push.apple.com" )
  {KEY}
  apn_topic = com.example.app tls_verify = host
}}
"""
BY_CERTIFICATE = GOOD.replace(KEY, "tls_certificate = /c").replace("apn_topic", "#")


def findings(text: str) -> list[str]:
    """Line, option, severity and message of each finding about queues."""
    every = cases(tree(text))
    found = [finding for case in every for finding in check_provider(case, every)]
    return [f"{f.line} {f.option} {f.severity}: {f.message}" for f in found]


class ProviderCase(TestCase):
    """Findings of a changed configuration."""

    def found(self, old: str, new: str, text: str = GOOD) -> list[str]:
        """After a change of the good one."""
        self.assertIn(old, text)
        return findings(text.replace(old, new))


class CredentialTests(ProviderCase):
    """A key, a certificate, both or neither."""

    def test_good(self) -> None:
        """A whole key with a topic, or a certificate, will do."""
        self.assertEqual(findings(GOOD), [])
        self.assertEqual(findings(BY_CERTIFICATE), [])

    def test_neither(self) -> None:
        """Without a credential every push would be refused: an error."""
        for nothing in ("", "tls_certificate = none", "apn_team_id = TEAM567890"):
            (found,) = self.found(KEY, nothing)
            self.assertTrue(
                found.startswith("3 delivery_method error: the apn domain"), found
            )
            self.assertIn('"e.com" has neither a key (apn_key_file,', found)

    def test_incomplete(self) -> None:
        """Each missing part of a key is named, at a part that is there."""
        for given, place, missing in (
            ("apn_key_file = /k", "apn_key_file", "apn_key_id and apn_team_id"),
            ("apn_key_file = /k apn_key_id = A", "apn_key_file", "apn_team_id"),
            ("apn_key_id = A apn_team_id = B", "apn_key_id", "apn_key_file"),
            ('apn_key_file = /k apn_team_id = ""', "apn_key_file", "apn_key_id and"),
        ):
            (found,) = self.found(KEY, given)
            self.assertTrue(found.startswith(f"4 {place} error: "), found)
            self.assertIn(f'"e.com" has no {missing}', found)

    def test_incomplete_beside_a_certificate(self) -> None:
        """A key file that cannot be used is an error even so; a team alone is none."""
        with_file = "tls_certificate = /c apn_key_file = /k"
        self.assertEqual(len(self.found(KEY, with_file)), 1)
        with_team = "tls_certificate = /c apn_team_id = TEAM567890"
        self.assertEqual(self.found(KEY, with_team), [])

    def test_both(self) -> None:
        """The key is used: a warning says so, unless the binary interface is there."""
        both = f"{KEY} tls_certificate = /c"
        (found,) = self.found(KEY, both)
        self.assertIn("4 apn_key_file warning: ", found)
        self.assertIn("the key is used and the certificate is not presented", found)
        mixed = '"apn2://api.push.apple.com" "apn://gateway?port=2195"'
        text = GOOD.replace(KEY, both).replace('"apn2://api.push.apple.com"', mixed)
        self.assertEqual(findings(text), [])

    def test_no_topic(self) -> None:
        """Tokens need a topic from somewhere; certificates may have one."""
        (found,) = self.found("apn_topic = com.example.app", "")
        self.assertIn("4 apn_key_file warning: ", found)
        self.assertIn("every message must bring X-APNs-Topic", found)

    def test_unverified_peer(self) -> None:
        """Tokens are not shown to just anybody."""
        (found,) = self.found("tls_verify = host", "tls_verify = no")
        self.assertIn("5 tls_verify warning: ", found)
        (found,) = self.found("tls_verify = host", "")
        self.assertIn("4 apn_key_file warning: tls_verify is no", found)

    def test_patterns(self) -> None:
        """A pattern leaves to its domains what differs between them."""
        text = f"""
        domain /[.]push$/ {{
          delivery_method = apn routes = ( "apn2://h" ) tls_verify = host
          apn_key_file = /k apn_team_id = TEAM567890
        }}
        domain "a.push" {{ apn_key_id = ABCDE12345 apn_topic = com.example.a }}
        domain "b.push" {{ {KEY} }}
        """
        (found,) = findings(text)
        self.assertIn('the apn domain "b.push" has no apn_topic', found)
        (found,) = findings(text.partition('domain "a')[0])
        self.assertIn("the apn domain /[.]push$/ has no apn_key_id", found)

    def test_others_are_left_alone(self) -> None:
        """Domains without such a route, or that are no push domains, say nothing."""
        binary = GOOD.replace("apn2://api.push.apple.com", "apn://h").replace(KEY, "")
        self.assertEqual(findings(binary), [])
        self.assertEqual(self.found('delivery_method = "apn"', ""), [])


class RequestTests(ProviderCase):
    """Defaults of requests and the wait."""

    def test_wait(self) -> None:
        """A window made for the binary interface is short for answers."""
        for milliseconds, expected in (
            (0, "6 delivery_response_timeout error: delivery_response_timeout = 0"),
            (4000, "6 delivery_response_timeout warning: delivery_response_timeout ("),
        ):
            value = f"\n delivery_response_timeout = {milliseconds}"
            (found,) = self.found("tls_verify = host", "tls_verify = host" + value)
            self.assertTrue(found.startswith(expected), found)
        value = "tls_verify = host delivery_response_timeout = 10000"
        self.assertEqual(self.found("tls_verify = host", value), [])

    def test_background(self) -> None:
        """Priority 10 does not go with the push type background."""
        given = "tls_verify = host apn_push_type = background apn_priority = "
        (found,) = self.found("tls_verify = host", given + "10")
        self.assertIn("5 apn_priority warning: apn_priority = 10 is refused", found)
        self.assertEqual(self.found("tls_verify = host", given + "5"), [])


class SettingTests(TestCase):
    """Values by themselves."""

    def check(self, text: str) -> list[str]:
        """Messages about the one option of a file."""
        (settings,) = tree(text).settings.values()
        setting = settings[-1]
        return [f.message for f in SETTING_CHECKS[setting.option.name](setting)]

    def test_ids(self) -> None:
        """Ten letters and digits; nothing cancels."""
        for name in ("apn_key_id", "apn_team_id"):
            for good in ("ABCDE12345", '""'):
                self.assertEqual(self.check(f"{name} = {good}"), [])
            for bad in ("ABCDE1234", "ABCDE123456", "ABCDE-2345", "ABCDE1234é"):
                (found,) = self.check(f"{name} = {bad}")
                self.assertIn(f'{name} "{bad}" is not 10 letters and digits', found)

    def test_topics_and_collapse_ids(self) -> None:
        """What cannot stand in the header of a request is an error."""
        self.assertEqual(self.check("apn_topic = com.example.app.voip"), [])
        self.assertEqual(self.check("apn_collapse_id = 'a b'"), [])
        self.assertEqual(self.check(f"apn_collapse_id = {'x' * 64}"), [])
        for text in (
            "apn_topic = 'com example'",
            "apn_topic = été",
            f"apn_collapse_id = {'x' * 65}",
            "apn_collapse_id = é",
        ):
            self.assertEqual(len(self.check(text)), 1, text)

    def test_topic_of_a_certificate(self) -> None:
        """A certificate that names no app is no topic, unless one is configured."""
        text = BY_CERTIFICATE + "apn {}"
        files = MemoryFiles({"/c": certificate() + key()})
        found = [f.message for f in lint(tree(text), files, day(1))]
        self.assertIn("names no app and apn_topic is not set", found[-1])
        topic = text.replace("# =", "apn_topic =")
        self.assertIn("apn_topic = com.example.app", topic)
        found = [f.message for f in lint(tree(topic), files, day(1))]
        self.assertNotIn("names no app", "".join(found))

    def test_environment_of_a_certificate(self) -> None:
        """One of the other environment is an error; Apple alone has environments."""
        content = certificate("x", "com.example", ("1.2.840.113635.100.6.3.1",)) + key(
            "x"
        )
        files = MemoryFiles({"/c": content})
        for host, expected in (
            ("api.push.apple.com", ["/c is for development only, and api.push.apple"]),
            ("api.sandbox.push.apple.com", []),
            ("gateway.example.org", []),
        ):
            text = BY_CERTIFICATE.replace("api.push.apple.com", host) + "apn {}"
            found = [
                f.message
                for f in lint(tree(text), files, day(1))
                if f.severity == "error"
            ]
            self.assertEqual([text[:46] for text in found], expected)

    def test_lint_asks(self) -> None:
        """`mcmtpush check` says all of it, with its place."""
        text = GOOD.replace("ABCDE12345", "SHORT").replace("com.example.app", '""')
        found = [
            (f.line, f.option, f.severity)
            for f in lint(tree("apn {}" + text), MemoryFiles({}), 0)
        ]
        self.assertIn((4, "apn_key_id", "error"), found)
        self.assertIn((4, "apn_key_file", "warning"), found)
        self.assertIn((4, "apn_key_file", "error"), found)
