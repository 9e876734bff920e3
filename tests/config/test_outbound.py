"""Whether domains can be delivered by push."""

from __future__ import annotations

from mcmtpush.config.outbound import Case, cases, check_case
from mcmtpush.values import QueueKey
from tests.config.samples import tree
from tests.support.case import TestCase


GOOD = """
domain "e.com" {
  delivery_method = "apn" routes = ( "apn://gateway?port=2195" )
  tls_certificate = /c idle_timeout = 30
}
"""


def findings(text: str) -> list[str]:
    """Line, severity and message of each finding."""
    every = cases(tree(text))
    found = [finding for case in every for finding in check_case(case, every)]
    return [f"{f.line} {f.option} {f.severity}: {f.message}" for f in found]


class CaseTests(TestCase):
    """Which queues are distinguished."""

    def test_keys(self) -> None:
        """Stanzas, the rest, and what containers that decide something hold."""
        text = """
        domain "E.com" {}
        domain /x/ {}
        binding "quiet" { domain "q.com" {} max_resident_messages = 5 }
        binding "loud" { idle_timeout = 0 }
        binding_group "g" {
          idle_timeout = 0
          binding "x" { domain "x.com" {} }
        }
        """
        self.assertEqual(
            [tuple(case.key) for case in cases(tree(text))],
            [
                ("default", "default", "e.com"),
                ("default", "default", "/x/"),
                ("default", "default", ""),
                ("default", "quiet", "q.com"),
                ("default", "loud", "e.com"),
                ("default", "loud", "/x/"),
                ("default", "loud", ""),
                ("g", "", "e.com"),
                ("g", "", "/x/"),
                ("g", "", ""),
                ("g", "x", "x.com"),
            ],
        )

    def test_covers(self) -> None:
        """A pattern covers the domains it matches, the rest covers every one."""

        def case(domain: str) -> Case:
            return Case(QueueKey("default", "default", domain), ())

        self.assertTrue(case("").covers(case("e.com")))
        self.assertTrue(case("/[.]COM$/").covers(case("e.com")))
        self.assertFalse(case("/[.]org$/").covers(case("e.com")))
        self.assertFalse(case("e.com").covers(case("e.com")))
        self.assertFalse(case("").covers(case("/x/")))


class CheckTests(TestCase):
    """Findings."""

    def test_good_domain(self) -> None:
        """A domain that can be delivered draws none."""
        self.assertEqual(findings(GOOD), [])

    def test_other_methods_are_left_alone(self) -> None:
        """What is not delivered by push needs nothing of a push."""
        self.assertEqual(findings('domain "e.com" { idle_timeout = 0 }'), [])

    def test_idle_timeout_zero(self) -> None:
        """idle_timeout = 0 is an error wherever an apn domain gets it from."""
        own = GOOD.replace("= 30", "= 0")
        (found,) = findings(own)
        self.assertIn("4 idle_timeout error: idle_timeout = 0", found)
        inherited = "idle_timeout = 0\n" + GOOD.replace("idle_timeout = 30", "")
        (found,) = findings(inherited)
        self.assertIn("1 idle_timeout error: idle_timeout = 0", found)
        by_binding = GOOD + 'binding "x" { idle_timeout = 0 }'
        (found,) = findings(by_binding)
        self.assertIn("6 idle_timeout error: idle_timeout = 0", found)

    def test_response_timeout_not_below_idle_timeout(self) -> None:
        """Milliseconds are compared with seconds; equal is not below."""
        text = GOOD.replace("= 30", "= 5 delivery_response_timeout = %d")
        self.assertEqual(findings(text % 4999), [])
        (found,) = findings(text % 5000)
        self.assertIn("4 delivery_response_timeout warning", found)
        self.assertIn(
            "(5000 milliseconds) is not below idle_timeout (5 seconds)", found
        )

    def test_defaults_of_both_timeouts(self) -> None:
        """The built-in defaults are equal: a warning where the method is set."""
        (found,) = findings(GOOD.replace("idle_timeout = 30", ""))
        self.assertIn("3 delivery_method warning: delivery_response_timeout", found)

    def test_response_timeout_zero(self) -> None:
        """A window of nothing hears no refusal."""
        (found,) = findings(GOOD.replace("= 30", "= 5 delivery_response_timeout = 0"))
        self.assertIn("warning: delivery_response_timeout = 0", found)

    def test_no_routes(self) -> None:
        """An apn domain without routes is an error, empty ones are none."""
        for routes in ("", "routes = ()"):
            text = GOOD.replace('routes = ( "apn://gateway?port=2195" )', routes)
            (found,) = findings(text)
            self.assertIn('error: the apn domain "e.com" has no routes', found)

    def test_no_certificate(self) -> None:
        """An apn domain without a certificate is a warning."""
        for value in ("", "tls_certificate = none"):
            (found,) = findings(GOOD.replace("tls_certificate = /c", value))
            self.assertIn("delivery_method warning: the apn domain", found)
            self.assertIn("has no tls_certificate", found)

    def test_http2_alone(self) -> None:
        """What is said of the binary interface is not said of the other."""
        text = """
        domain "e.com" {
          delivery_method = "apn" routes = ( "apn2://api.push.apple.com" )
        }
        """
        self.assertEqual(findings(text), [])
        zero = text.replace("delivery_method", "idle_timeout = 0 delivery_method")
        (found,) = findings(zero)
        self.assertIn("3 idle_timeout error", found)

    def test_both_interfaces(self) -> None:
        """One domain may list both; the binary one still wants its certificate."""
        routes = '"apn2://api.push.apple.com" "apn://gateway"'
        text = GOOD.replace('"apn://gateway?port=2195"', routes)
        self.assertEqual(findings(text), [])
        (found,) = findings(text.replace("tls_certificate = /c", ""))
        self.assertIn("has no tls_certificate: gateways ask for one", found)

    def test_pattern_leaves_routes_to_its_domains(self) -> None:
        """A pattern that sets the method may leave routes to exact stanzas."""
        text = """
        domain /[.]push[.]net$/ { delivery_method = apn idle_timeout = 30 }
        domain "a.push.net" { routes = ( gateway ) tls_certificate = /c }
        """
        self.assertEqual(findings(text), [])
        alone = text.replace("a.push.net", "a.other.net")
        self.assertEqual(
            [line.split(":")[0] for line in findings(alone)],
            ["2 delivery_method error", "2 delivery_method warning"],
        )

    def test_method_for_everybody(self) -> None:
        """The same for a method that is set globally."""
        text = "delivery_method = apn idle_timeout = 30\n"
        found = findings(text)
        self.assertEqual(len(found), 2)
        self.assertIn("every apn domain without a stanza has no routes", found[0])
        domain = 'domain "a.net" { routes = ( gateway ) tls_certificate = /c }'
        self.assertEqual(findings(text + domain), [])

    def test_schemes(self) -> None:
        """A push goes by apn, http, or no scheme; never to an MX."""
        for route in (
            "gateway",
            "apn://gateway",
            "http://gateway",
            "APN://gateway",
            "apn2://gateway",
        ):
            self.assertEqual(
                findings(GOOD.replace("apn://gateway?port=2195", route)), []
            )
        for route in ("esmtp://gateway", "gcm://gateway", "https://gateway", "__mx__"):
            (found,) = findings(GOOD.replace("apn://gateway?port=2195", route))
            self.assertIn("3 routes error", found)
            self.assertIn(f'route "{route}" does not fit delivery_method "apn"', found)

    def test_forgotten_method(self) -> None:
        """An apn route without the apn method is a warning that names the default."""
        (found,) = findings(GOOD.replace('delivery_method = "apn"', ""))
        self.assertIn("3 routes warning", found)
        self.assertIn('delivery_method "esmtp" (the default)', found)
        (found,) = findings('domain "e.com" { routes = ( "apn2://api" ) }')
        self.assertIn('route "apn2://api" does not fit delivery_method "esmtp"', found)
        text = 'domain "e.com" { routes = ( "mx.e.com" "esmtp://e.com" ) }'
        self.assertEqual(findings(text), [])
