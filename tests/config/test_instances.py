"""Instance names: what fits, and what is the same."""

from __future__ import annotations

from mcmtpush.config.instances import instance_key, sample
from mcmtpush.config.options import SCOPES
from tests.support.case import TestCase


class InstanceTests(TestCase):
    """Names by scope kind."""

    def same(self, kind: str, one: str, other: str) -> bool:
        """Whether both name the same instance."""
        return instance_key(SCOPES[kind], one) == instance_key(SCOPES[kind], other)

    def fault(self, kind: str, name: str | None) -> str:
        """Why this is no name for such a scope."""
        with self.assertRaises(ValueError) as caught:
            instance_key(SCOPES[kind], name)
        return str(caught.exception)

    def test_which_are_the_same(self) -> None:
        """Domains have no case, bindings have; sockets and blocks are compared."""
        self.assertTrue(self.same("domain", "A.example", "a.EXAMPLE"))
        self.assertFalse(self.same("domain", "/A/", "/a/"))
        self.assertFalse(self.same("binding", "One", "one"))
        self.assertFalse(self.same("binding_group", "G", "g"))
        self.assertTrue(self.same("listen", ":25", "*:25"))
        self.assertFalse(self.same("listen", "[*]:25", "*:25"))
        self.assertTrue(self.same("peer", "192.0.2.1", "192.0.2.1/32"))
        self.assertFalse(self.same("apn_logger", "Main", "main"))

    def test_what_does_not_fit(self) -> None:
        """Every refusal says why."""
        for kind, name, text in (
            ("domain", "/(a/", '"(a" is not a regular expression'),
            ("domain", "//", "holds no regular expression"),
            ("domain", "/a", 'a regex domain ends with a "/"'),
            ("domain", "a b", "holds no blanks"),
            ("binding", "a:b", "holds no colon"),
            ("binding_group", "a b", "holds no blanks"),
            ("listen", "2525", "has no port"),
            ("peer", "example.com", "neither an IP address nor a CIDR block"),
            ("domain", None, 'needs a name: write domain "push.example.com" { … }'),
            ("peer", "", 'needs a name: write peer "192.0.2.0/24" { … }'),
            ("apn", "x", "scope apn takes no name: write apn { … }"),
        ):
            self.assertIn(text, self.fault(kind, name))

    def test_foreign_modules_take_anything(self) -> None:
        """Whether they have instances is not known here."""
        self.assertEqual(instance_key(SCOPES["ec_logger"], None), None)
        self.assertEqual(instance_key(SCOPES["ec_logger"], "x y"), "x y")

    def test_samples_fit(self) -> None:
        """What a message offers is valid."""
        self.assertEqual(sample(SCOPES["security"]), "security { … }")
        for kind in SCOPES.values():
            if not kind.anonymous:
                name = sample(kind).split('"')[1]
                self.assertIsNotNone(instance_key(kind, name))
