"""The tables are complete, consistent and find their rows."""

from __future__ import annotations

from ipaddress import ip_network

from mcmtpush.config.grammar import Pairs, Words
from mcmtpush.config.options import (
    ALIASES,
    OPTIONS,
    SCOPES,
    find_option,
    nearest,
    options_of,
    scopes_of,
)
from mcmtpush.config.tables.foreign import FOREIGN_KINDS, is_foreign
from mcmtpush.config.tables.process import CLASHES, PROCESS_TABLE
from mcmtpush.config.tables.receiving import RECEIVING_TABLE
from mcmtpush.config.tables.scopes import SCOPE_KINDS
from mcmtpush.config.tables.sending import SENDING_TABLE
from mcmtpush.config.tokens import Faults, read_tokens
from mcmtpush.config.units import read_value, write_value
from tests.support.case import TestCase


UNITS = {None, "seconds", "milliseconds", "bytes", "percent"}


class TableTests(TestCase):
    """What holds for every row."""

    def test_no_name_stands_twice(self) -> None:
        """Every name has one row, so none hides another."""
        names = [o.name for o in (*SENDING_TABLE, *RECEIVING_TABLE, *PROCESS_TABLE)]
        self.assertEqual(sorted(names), sorted(set(names)))
        self.assertEqual(len(OPTIONS), len(names) + len(CLASHES))
        kinds = [k.name for k in (*SCOPE_KINDS, *FOREIGN_KINDS)]
        self.assertEqual(sorted(kinds), sorted(set(kinds)))

    def test_rows_are_complete(self) -> None:
        """Names are lower case, scopes exist, help is one line, units are known."""
        for key, option in OPTIONS.items():
            self.assertEqual(key.rpartition(".")[2], option.name)
            self.assertEqual(option.name, option.name.lower())
            self.assertTrue(option.scopes, key)
            self.assertLessEqual(option.scopes, SCOPES.keys(), key)
            self.assertIn(option.unit, UNITS, key)
            self.assertTrue(option.help.endswith("."), key)
            self.assertNotIn("\n", option.help)

    def test_scopes_stand_in_scopes(self) -> None:
        """Every scope kind but the root stands somewhere that exists."""
        for kind in SCOPES.values():
            self.assertLessEqual(kind.stands_in, SCOPES.keys())
            self.assertEqual(not kind.stands_in, kind.name == "global")

    def test_every_default_has_the_type_of_its_row(self) -> None:
        """A default, written as the language writes it, reads back as itself."""
        for key, option in OPTIONS.items():
            if option.default is None:
                continue
            self.assertEqual(_reread(key), option.default, key)

    def test_only_what_it_uses_is_marked(self) -> None:
        """A sample of what this version acts on, and of what it does not."""
        for name in ("routes", "suspend_delivery", "enable", "enabled", "tls_ca"):
            self.assertTrue(OPTIONS[name].implemented, name)
        for name in (
            "bounce_behavior",
            "debug_level",
            "pidfile",
            "http_host",
            "timeout",
        ):
            self.assertFalse(OPTIONS[name].implemented, name)

    def test_documented_defaults(self) -> None:
        """Defaults that operators and other parts of the program rely on."""
        expected = {
            "apn_expiry": 604800,
            "delivery_response_timeout": 5000,
            "idle_timeout": 5,
            "max_outbound_connections": 32,
            "delivery_method": "esmtp",
            "max_retries": "auto",
            "message_expiration": 86400,
            "force_fsync": True,
            "spool_mode": 0o640,
            "spoolbase": "/var/spool/ecelerity",
            "mcmt_reception": "passthru",
            "mcmt_push_only": True,
            "logmode": 0o644,
            "relay_hosts": (ip_network("127.0.0.0/8"), ip_network("::1")),
        }
        found = {name: OPTIONS[name].default for name in expected}
        self.assertEqual(found, expected)
        self.assertEqual(OPTIONS["delivery_response_timeout"].unit, "milliseconds")
        self.assertFalse(OPTIONS["spoolbase"].dynamic)
        # Momentum wants a restart for this one; here another lane takes over.
        self.assertTrue(OPTIONS["apn_expiry"].dynamic)


class ForeignTests(TestCase):
    """What only the original knows."""

    def test_no_option_of_this_program_is_taken_for_foreign(self) -> None:
        """The tables have no name in common, families included."""
        names = {option.name for option in OPTIONS.values()} | ALIASES.keys()
        self.assertEqual([name for name in sorted(names) if is_foreign(name)], [])

    def test_families_and_names(self) -> None:
        """A beginning or the whole name counts, in any case."""
        for name in ("Adaptive_Enabled", "smpp_smsc_port", "REMOTE_SMTP_PORT"):
            self.assertTrue(is_foreign(name), name)
        for name in ("adaptive", "retry_intervall", "remote_smtp_portt"):
            self.assertFalse(is_foreign(name), name)


class LookupTests(TestCase):
    """Finding rows."""

    def test_find_option_ignores_case(self) -> None:
        """Option names have no case."""
        self.assertIs(find_option("MCMT_Reception", "peer"), OPTIONS["mcmt_reception"])
        self.assertIsNone(find_option("mcmt_receptoin", "peer"))

    def test_find_option_prefers_the_module(self) -> None:
        """One word may mean something else inside a module."""
        self.assertEqual(find_option("concurrency", "apn_logger").default, 1)
        self.assertEqual(find_option("Concurrency", "listen").default, 0)

    def test_aliases_lead_to_rows(self) -> None:
        """Every other spelling is one of an option, and no option's own name."""
        for alias, name in ALIASES.items():
            self.assertNotIn(alias, OPTIONS)
            self.assertIs(find_option(alias.upper(), "global"), OPTIONS[name])

    def test_options_and_scopes_of_a_kind(self) -> None:
        """What may stand in a scope."""
        self.assertEqual(options_of("host"), sorted(options_of("host")))
        self.assertEqual(options_of("apn"), ["debug_level", "enabled"])
        self.assertEqual(scopes_of("esmtp_listener"), ["listen", "peer"])
        self.assertEqual(
            scopes_of("binding_group"),
            ["adaptive_sweep_rule", "binding", "domain", "host"],
        )

    def test_nearest(self) -> None:
        """A slip finds the name that was meant; noise finds none."""
        self.assertEqual(nearest("Idel_Timeout", OPTIONS), "idle_timeout")
        self.assertIsNone(nearest("zzzz", OPTIONS))


def _reread(key: str) -> object:
    option = OPTIONS[key]
    text = write_value(option, option.default)
    tokens = read_tokens(text, Faults("x"))
    if text[0] in "([":
        inner = [token for token in tokens if token.is_scalar]
        pairs = tuple(zip(inner[::2], inner[1::2], strict=False))
        list_value, dict_value = Words(tuple(inner), 1, 1), Pairs(pairs, 1, 1)
        return read_value(option, list_value if text[0] == "(" else dict_value, "/")
    return read_value(option, tokens[0], "/")
