"""What is said about names."""

from __future__ import annotations

from mcmtpush.config.options import OPTIONS, SCOPES
from mcmtpush.config.tree import Scope
from mcmtpush.config.verdicts import (
    inert_option,
    inert_scope,
    misplaced_option,
    misplaced_scope,
    remarks,
    unknown_option,
    unknown_scope,
    whereabouts,
)
from tests.support.case import TestCase


ROOT = Scope("global")
BINDING = Scope("binding", "b", parent=ROOT)
GROUP = Scope("binding_group", "g", parent=ROOT)
DOMAIN = Scope("domain", "d", parent=ROOT)
INNER = Scope("domain", "d", parent=BINDING)
APN = Scope("apn", parent=ROOT)


class VerdictTests(TestCase):
    """The texts, to the letter."""

    def test_whereabouts(self) -> None:
        """Scopes as messages name them."""
        self.assertEqual(whereabouts(ROOT), "the global scope")
        self.assertEqual(whereabouts(APN), "apn")
        self.assertEqual(whereabouts(DOMAIN), 'domain "d"')

    def test_unknown_options(self) -> None:
        """With the nearest name that is valid there, or what else it is."""
        self.assertEqual(
            unknown_option("idel_timeout", DOMAIN),
            'unknown option "idel_timeout" in domain "d": did you mean idle_timeout?',
        )
        self.assertEqual(
            unknown_option("idel_timeout", APN), 'unknown option "idel_timeout" in apn'
        )
        self.assertEqual(
            unknown_option("Domain", ROOT),
            'domain is a scope, not an option: write domain "push.example.com" { … }',
        )
        self.assertIn("unknown option", unknown_option("global", ROOT))

    def test_unknown_scopes(self) -> None:
        """The same for scopes."""
        self.assertEqual(
            unknown_scope("domian", ROOT),
            'unknown scope "domian" in the global scope: did you mean domain?',
        )
        self.assertEqual(
            unknown_scope("idle_timeout", DOMAIN),
            "idle_timeout is an option, not a scope: write idle_timeout = 5",
        )
        self.assertIn("cannot stand in apn", unknown_scope("idle_timeout", APN))

    def test_misplaced(self) -> None:
        """Where it may stand, and what may have been meant."""
        self.assertEqual(
            misplaced_option(OPTIONS["routes"], BINDING),
            'option routes cannot stand in binding "b", only in domain, global',
        )
        self.assertTrue(
            misplaced_option(OPTIONS["enable"], APN).endswith("did you mean enabled?")
        )
        self.assertEqual(
            misplaced_scope(SCOPES["binding"], DOMAIN),
            'scope binding cannot stand in domain "d", only in binding_group, global',
        )

    def test_inert(self) -> None:
        """Recognised, without effect."""
        self.assertEqual(
            inert_option(OPTIONS["blackhole"]),
            "option blackhole has no effect in this version",
        )
        self.assertEqual(
            inert_scope(SCOPES["security"]), "security has no effect in this version"
        )
        self.assertEqual(
            inert_scope(SCOPES["msgc_server"]),
            "msgc_server has no effect in this version; its content is not checked",
        )

    def test_remarks(self) -> None:
        """Places and spellings that are accepted with a word."""
        beyond = "goes beyond the documented language; it is honoured here"
        for name, scope, text in (
            ("apn_expiry", INNER, f"in a domain inside a binding {beyond}"),
            ("routes", INNER, "is ignored in a domain inside a binding"),
            ("delivery_response_timeout", GROUP, f"in a binding_group {beyond}"),
        ):
            [remark] = remarks(OPTIONS[name], name, scope)
            self.assertIn(text, remark)
        for name in ("apn_expiry", "routes", "delivery_response_timeout"):
            self.assertEqual(remarks(OPTIONS[name], name, DOMAIN), [])
        option = OPTIONS["max_resident_active_queue"]
        self.assertEqual(
            remarks(option, "Max_Resident_Active_Queue_Size", ROOT),
            [
                (
                    "max_resident_active_queue_size is another spelling: write "
                    "max_resident_active_queue"
                )
            ],
        )
